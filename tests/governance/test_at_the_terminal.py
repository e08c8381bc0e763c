"""`dt audit recheck` on a record that does not stand: it says where, shows both answers, and ends with 9."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from click.testing import CliRunner, Result

from interlock.cli.again import Since, Tally, progress, whole_record
from interlock.cli.commands import record
from interlock.cli.exits import VERIFICATION_FAILED, Ended, Halt
from interlock.cli.session import Session
from tests.domain import given
from tests.governance.histories import Events, changed

PAGE = 7


class Server:
    """Gives a log page by page, as `/events/stored` does; `lie` changes what is given."""

    def __init__(self, events: Events, lie: Callable[[list[str]], list[str]] = lambda bodies: bodies) -> None:
        self.bodies = lie([event.raw.decode() for event in events])
        self.position = len(events)
        self.asked: list[int] = []

    def get(self, path: str, *, after: int, limit: int) -> dict[str, Any]:
        assert path == "/events/stored"
        assert limit >= PAGE
        self.asked.append(after)
        return {"events": self.bodies[after : after + PAGE], "position": self.position}


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Session:
    for name, value in {"HOME": str(tmp_path), "INTERLOCK_URL": "http://interlock.test"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("INTERLOCK_PROJECT", "demo")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("INTERLOCK_TOKEN", raising=False)
    monkeypatch.chdir(tmp_path)
    return Session()


def asking(session: Session, server: Server) -> Session:
    session._client = server  # type: ignore[assignment]
    session._myself = {}
    server.server_now = None  # type: ignore[attr-defined]
    return session


def recheck(session: Session, server: Server, *words: str) -> Result:
    return CliRunner().invoke(record.audit, ["recheck", *words], obj=asking(session, server))


def tampered() -> Events:
    """A production start whose review was never made, says the record; and says that it was."""
    events = given.released().events
    [start] = [e for e in events if e.type == "DeployStarted" and e.event.environment == "production"]
    checks = tuple(
        replace(one, state="not_applicable") if one.check == "code-reviewed" else one
        for one in start.event.decision.checks
    )
    return changed(events, start.position, decision=replace(start.event.decision, checks=checks))


def test_a_record_that_stands_is_read_in_pages_and_told_to_stand(session: Session) -> None:
    server = Server(given.developed().events)
    done = recheck(session, server)
    assert done.exit_code == 0
    assert "nothing differs" in done.stdout
    assert server.asked == [*range(0, server.position, PAGE)]


def test_what_differs_is_shown_with_both_answers_and_ends_with_9(session: Session) -> None:
    done = recheck(session, Server(tampered()))
    assert isinstance(done.exception, Ended)
    assert done.exception.code == VERIFICATION_FAILED
    assert "one decision differs" in done.stdout
    assert "code-reviewed was not_applicable, is passed" in done.stdout
    assert "recorded\n" in done.stdout
    assert "again\n" in done.stdout


def test_what_lies_before_since_is_folded_and_not_told(session: Session) -> None:
    events = tampered()
    done = recheck(session, Server(events), "--since", str(len(events)))
    assert done.exit_code == 0
    assert "1 of 1 commands" in done.stdout
    assert recheck(session, Server(events), "--since", "2027-01-01 00:00").stdout.endswith(
        "nothing was recorded there\n"
    )


@pytest.mark.parametrize(
    "lie",
    [
        lambda bodies: bodies[:20] + bodies[21:],
        lambda bodies: bodies[:-1],
        lambda bodies: [*bodies[:20], bodies[20].replace('"project":"demo"', '"project":"else"'), *bodies[21:]],
        lambda bodies: [*bodies[:20], bodies[20].replace('{"actor"', '{ "actor"'), *bodies[21:]],
        lambda bodies: [*bodies[:20], "{}", *bodies[21:]],
    ],
    ids=["one left out", "the last left out", "of another project", "other bytes", "no event"],
)
def test_a_server_that_gives_another_record_is_not_believed(session: Session, lie: Any) -> None:
    with pytest.raises(Halt) as halted:
        drained(whole_record(asking(session, Server(given.developed().events, lie)), "read"))
    assert halted.value.code == VERIFICATION_FAILED


@pytest.mark.parametrize(
    "old, new", [('"type":"ReleaseOpened"', '"type":"ReleaseSung"'), ('"schema":1', '"schema":99')]
)
def test_an_event_of_a_newer_version_is_no_broken_record(session: Session, old: str, new: str) -> None:
    def newer(bodies: list[str]) -> list[str]:
        return [body.replace(old, new) for body in bodies]

    with pytest.raises(Halt, match="does not know") as halted:
        drained(whole_record(asking(session, Server(given.developed().events, newer)), "read"))
    assert halted.value.code != VERIFICATION_FAILED


def test_what_is_recorded_meanwhile_is_for_the_next_time(session: Session) -> None:
    events = given.developed().events

    class Growing(Server):
        """Each page finds more in the record than the one before, and brings what it finds."""

        def get(self, path: str, *, after: int, limit: int) -> dict[str, Any]:
            found = super().get(path, after=after, limit=limit)
            self.position = len(events)
            return found

    server = Growing(events)
    server.position = PAGE + 2
    assert len(events) > server.position
    assert drained(whole_record(asking(session, server), "read")) == PAGE + 2


@pytest.mark.parametrize("terminal, json, shown", [(True, False, True), (True, True, False), (False, False, False)])
def test_how_far_it_is_is_shown_on_a_terminal_alone(
    session: Session, monkeypatch: pytest.MonkeyPatch, terminal: bool, json: bool, shown: bool
) -> None:
    screen = StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: terminal)
    monkeypatch.setattr(sys, "stderr", screen)
    session.options.json = json
    progress(session, "5 of 7")
    assert ("5 of 7" in screen.getvalue()) == shown


def test_what_could_not_be_asked_again_is_counted_by_its_type_and_as_not_decided() -> None:
    tally = Tally()
    tally.count(3, 2, "DeployRequested", "proved")
    tally.count(5, 1, "ActionRefused", "unknown")
    assert tally.document() == {
        "commands": 2, "decided_again": 1, "proved": 1, "rebuilt": 0, "unknown": {"ActionRefused": 1},
        "from": 3, "to": 5,
    }  # fmt: skip


def drained(events: Iterator[Any]) -> int:
    return sum(1 for _ in events)


def test_since_is_a_position_or_an_instant() -> None:
    assert Since.read("@18,204") == Since(position=18204)
    assert Since.read(None) == Since()
    with pytest.raises(Halt, match="no instant"):
        Since.read("soon")
