"""What the client makes of answers, and of answers that do not come."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import UUID

import pytest

from interlock.client import Client, OddAnswer, ProblemAnswer, ServerAway
from tests.client.scripted import Scripted, gives, hangs_up, problem, scripted

ACCEPTED = {"status": "accepted", "events": [], "position": 7, "subject": "release/4.12.0"}
FIELDS = {"release": "4.12.0", "reason": None}


class Waits:
    """A sleep that only counts, and a clock that goes on by what was slept."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def clock(self) -> float:
        return sum(self.slept)


@contextmanager
def asking(url: str, *, waits: Waits | None = None, now: datetime | None = None) -> Iterator[Client]:
    waits = waits or Waits()
    ids = iter(UUID(int=number) for number in range(1, 100))
    client = Client(url, "demo", "il_token", clock=waits.clock, sleep=waits.sleep, new_id=lambda: next(ids), now=now)
    try:
        yield client
    finally:
        client.close()


def keys(script: Scripted) -> list[str]:
    return [asked.headers["Idempotency-Key"] for asked in script.asked]


def test_a_command_says_who_asks_and_carries_a_key_of_its_own() -> None:
    with scripted(gives(200, ACCEPTED)) as script, asking(script.url) as client:
        assert client.command("WithdrawRelease", FIELDS) == ACCEPTED
        client.command("WithdrawRelease", FIELDS)
    first = script.asked[0]
    assert (first.method, first.path) == ("POST", "/v1/demo/commands/WithdrawRelease")
    assert first.headers["Authorization"] == "Bearer il_token"
    assert keys(script) == [str(UUID(int=1)), str(UUID(int=2))]


def test_what_is_absent_is_left_out_never_null() -> None:
    with scripted(gives(200, ACCEPTED)) as script, asking(script.url) as client:
        client.command("WithdrawRelease", FIELDS)
    assert script.asked[0].body == b'{"release":"4.12.0"}'


def test_a_lost_answer_is_asked_for_again_under_the_same_key() -> None:
    with scripted(hangs_up, gives(502, b"bad gateway", "text/html"), gives(200, ACCEPTED)) as script:
        with asking(script.url) as client:
            assert client.command("WithdrawRelease", FIELDS) == ACCEPTED
    assert len(set(keys(script))) == 1
    assert len(script.asked) == 3


def test_a_command_that_is_never_answered_names_its_key() -> None:
    with scripted(hangs_up) as script, asking(script.url) as client, pytest.raises(ServerAway) as away:
        client.command("WithdrawRelease", FIELDS)
    assert away.value.sent == keys(script)[0]
    assert away.value.exit_code == 12


def test_a_server_that_is_not_there_was_sent_nothing() -> None:
    waits = Waits()
    # Nobody else can have the port meanwhile, and nobody listens there.
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with asking(url, waits=waits) as client, pytest.raises(ServerAway) as away:
            client.command("WithdrawRelease", FIELDS)
    assert (away.value.cause, away.value.tries, away.value.sent, away.value.exit_code) == (
        "connection refused",
        3,
        None,
        7,
    )
    assert len(waits.slept) == 2


def test_a_refusal_is_an_answer_and_is_not_asked_again() -> None:
    decision = {"action": "deploy 4.12.0 to production", "result": "refused", "checks": []}
    with scripted(problem("refused", 409, decision=decision)) as script:
        with asking(script.url) as client, pytest.raises(ProblemAnswer) as refusal:
            client.command("RequestDeploy", {})
    assert refusal.value.decision == decision
    assert (refusal.value.type, refusal.value.exit_code) == ("refused", 3)
    assert len(script.asked) == 1


@pytest.mark.parametrize(
    "name, status, code",
    [("role-missing", 403, 4), ("not-authenticated", 401, 4), ("not-found", 404, 5), ("changed", 412, 6),
     ("invalid", 422, 2), ("unexpected", 500, 1), ("a-newer-one", 404, 5), ("a-newer-one", 418, 1)],
)  # fmt: skip
def test_each_problem_has_its_exit_code(name: str, status: int, code: int) -> None:
    with scripted(problem(name, status)) as script, asking(script.url) as client, pytest.raises(ProblemAnswer) as found:
        client.get("/releases")
    assert found.value.exit_code == code


def test_a_server_that_cannot_decide_is_asked_again_and_then_believed() -> None:
    with scripted(problem("unavailable", 503)) as script, asking(script.url) as client:
        with pytest.raises(ProblemAnswer) as found:
            client.command("RequestDeploy", {})
    assert found.value.exit_code == 7
    assert len(script.asked) == 3


def test_an_outcome_that_nobody_knows_names_the_key_to_ask_again_with() -> None:
    with scripted(problem("outcome-unknown", 503)) as script, asking(script.url) as client:
        with pytest.raises(ProblemAnswer) as found:
            client.command("RequestDeploy", {})
    assert found.value.exit_code == 12
    assert found.value.problem["idempotency_key"] == keys(script)[0]


def test_what_is_no_interlock_server_is_said_to_be_none() -> None:
    with scripted(gives(200, b"<html>hello</html>", "text/html")) as script, asking(script.url) as client:
        with pytest.raises(OddAnswer, match="without JSON"):
            client.get("/releases")


def test_a_read_sends_what_is_asked_and_leaves_out_what_is_not() -> None:
    with scripted(gives(200, {"releases": []})) as script, asking(script.url) as client:
        client.get("/releases", state="all", at=None, after=12, data=True)
    assert script.asked[0].path == "/v1/demo/releases?state=all&after=12&data=true"


def test_a_list_is_read_to_its_end() -> None:
    pages = [gives(200, {"releases": [1], "next_cursor": "next"}), gives(200, {"releases": [2]})]
    with scripted(*pages) as script, asking(script.url) as client:
        assert [page["releases"] for page in client.pages("/releases")] == [[1], [2]]
    assert script.asked[1].path.endswith("?cursor=next")


def test_the_test_clocks_instant_goes_out_and_the_ledgers_time_comes_in() -> None:
    now = datetime(2026, 11, 26, 14, 5, tzinfo=UTC)
    reply = gives(200, {}, Interlock_Now="2026-11-26T14:06:00Z", Interlock_Position="12")
    with scripted(reply) as script, asking(script.url, now=now) as client:
        assert client.get("/whoami") == {"position": 12}
        assert client.server_now == datetime(2026, 11, 26, 14, 6, tzinfo=UTC)
    assert script.asked[0].headers["Interlock-Now"] == "2026-11-26T14:05:00Z"


def test_events_come_one_by_one_and_a_sign_of_life_is_none() -> None:
    frames = b': alive\n\nid: 7\nevent: ReleaseOpened\ndata: {"type":"ReleaseOpened",\ndata: "position":7}\n\nid: 9\n\n'
    with scripted(gives(200, frames + b'id: 10\ndata: {"cut"', "text/event-stream")) as script:
        with asking(script.url) as client:
            assert [*client.stream(6)] == [{"type": "ReleaseOpened", "position": 7}]
    assert script.asked[0].headers["Last-Event-ID"] == "6"
