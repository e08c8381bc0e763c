"""A project moves from an embedded server to another PostgreSQL and goes on there: nothing is lost, nothing doubled."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from interlock.client import ProblemAnswer
from interlock.evidence import EvidenceStore
from interlock.feed.replay import TopicBroken
from interlock.ledger import Ledger, LedgerError, ReadOnlyLedger
from interlock.ledger.embedded import Dsns, EmbeddedPostgres
from interlock.ledger.restore import Restore
from interlock.letters import DeadLetters, Record
from interlock.serve import moving
from interlock.serve.database import NAME
from interlock.serve.moving import NotClosed, move
from interlock.serve.parts import PARTS
from tests.cli.terminal import DT, Terminal
from tests.cli.test_up_in_parts import up
from tests.feed.feeds import record_in
from tests.fixtures.kafka import Kafka
from tests.fixtures.server import FOUNDERS, PROJECT, Served, config_text, digest, enrol, enrolment_of, serving, token_of
from tests.relay.relays import seen
from tests.serve.test_parts import kafka_text

KEY = "0197f3a0-0000-7000-8000-000000000001"
EVIDENCE = b'{"suites": 3}'
QUESTIONS = ("/releases", "/environments", "/team", "/events", "/problems")


def until() -> str:
    return (datetime.now(UTC) + timedelta(days=30)).isoformat()


def release(name: str) -> dict[str, str]:
    return {"name": name, "kind": "normal", "title": "Quotes"}


@dataclass
class Old:
    """An embedded server with a small team and some history; its clock is the real one."""

    served: Served
    config: Path

    @property
    def app(self) -> str:
        return EmbeddedPostgres(self.config.parent / ".interlock").dsns(NAME).app


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Old]:
    home = tmp_path / "old"
    home.mkdir()
    config = home / "interlock.toml"
    config.write_text(config_text(), encoding="utf-8")
    with serving(config) as served:
        served.now = None
        for name in FOUNDERS:
            enrol(served, name, enrolment_of(name), until())
        served.by_two("RegisterPrincipal", {"principal": "anton", "kind": "person"})
        served.by_two("GrantRole", {"principal": "anton", "role": "developer"})
        secret = digest(token_of("anton"))
        served.by_two("IssueCredential", {"principal": "anton", "secret_digest": secret, "expires_at": until()})
        for number in range(5):
            served["anton"].command("OpenRelease", release(f"4.{number}.0"))
        yield Old(served, config)


@contextmanager
def going_on(config: Path, kafka: Kafka) -> Iterator[Served]:
    """The ledger where it went is served with Kafka, each part a process: by the line that the README gives."""
    terminal = Terminal(config.parent, "http://127.0.0.1:8787", PROJECT)
    command = [*DT, "up", "--config", str(config), "--port", "0", "--kafka", kafka.address]
    with up(terminal, command) as started:
        assert started.parts.keys() == PARTS.keys()
        served = Served(terminal.url, PROJECT, config, started.process, now=None)
        yield served
        served.close()
    assert started.process.returncode == 0


def settings(home: Path, dsns: Dsns, topics: str) -> Path:
    new = home / "new"
    new.mkdir(exist_ok=True)
    config = new / "interlock.toml"
    config.write_text(config_text(dsns=dsns) + kafka_text("127.0.0.1:1", topics), encoding="utf-8")
    return config


async def everything(dsn: str) -> list[bytes]:
    ledger = await Ledger.open(dsn)
    found = [each.body for each in await ledger.read(PROJECT, after=0, limit=10_000)]
    await ledger.close()
    return found


def answers(served: Served, at: int) -> list[dict[str, Any]]:
    """What the read models say as of a position."""
    return [served["admin-1"].get(path, at=at) for path in QUESTIONS]


async def keep_beside(dsn: str) -> str:
    """Put a piece of evidence and a dead letter beside the ledger; return the evidence's digest."""
    ledger = await Ledger.open(dsn)
    kept = await EvidenceStore(ledger).put(PROJECT, "application/json", EVIDENCE)
    record = Record(topic="interlock.intake", partition=1, offset=7, key=None, value=b"{", headers=(("a", b"b"),))
    await DeadLetters(ledger).put(PROJECT, record, "it ends too early", source="/ci", request="7")
    await ledger.close()
    return kept


def at(home: Path, served: Served) -> Terminal:
    """A terminal beside the server."""
    return Terminal(home, served.url)


def close_ledger(old: Old, home: Path) -> None:
    """Two persons close it, by `dt`."""
    asked = at(home, old.served).dt("--yes", "--json", "ledger", "move", "cluster-1", who="admin-1")
    assert asked.code == 0, asked.stderr
    ask = asked.json["events"][0]["data"]["ask"]
    confirmed = at(home, old.served).dt("--yes", "confirm", ask, who="admin-2")
    assert confirmed.code == 0, confirmed.stderr


async def test_a_project_moves_to_another_cluster_and_goes_on_there_by_kafka(
    old: Old, dsns: Dsns, kafka: Kafka, tmp_path: Path
) -> None:
    kept = await keep_beside(old.app)
    first = old.served["anton"].command("OpenRelease", release("5.0.0"), idempotency_key=KEY)
    close_ledger(old, tmp_path)
    with pytest.raises(ProblemAnswer) as refused:
        old.served["anton"].command("OpenRelease", release("6.0.0"))
    assert (refused.value.status, refused.value.problem["target"]) == (410, "cluster-1")
    # What was asked for before is answered as it was.
    repeated = old.served["anton"].command("OpenRelease", release("5.0.0"), idempotency_key=KEY)
    assert repeated["position"] == first["position"]
    before = await everything(old.app)

    topics = kafka.name("moved")
    config = settings(tmp_path, dsns, topics)
    restore = ("--yes", "ledger", "restore", "--from", "ledger", "--moved", str(old.config), "--config", str(config))
    done = at(tmp_path, old.served).dt(*restore, who="admin-1")
    assert done.code == 0, done.stderr
    opening = done.stdout.rsplit("dt confirm ", 1)[1].split()[0]
    with going_on(config, kafka) as new:
        with pytest.raises(ProblemAnswer) as closed:
            new["admin-1"].command("Annotate", {"target": 1, "kind": "remark", "text": "x"})
        assert closed.value.status == 503
        confirmed = at(tmp_path, new).dt("--yes", "confirm", opening, who="admin-2")
        assert confirmed.code == 0, confirmed.stderr
        there = await everything(dsns.app)
        assert there[: len(before)] == before
        types = [json.loads(body)["type"] for body in there[len(before) - 1 :]]
        assert types == ["LedgerMoved", "SecondPersonAsked", "SecondPersonConfirmed", "LedgerRestored"]
        assert answers(new, len(before)) == answers(old.served, len(before))
        # A command that was answered before the move is answered the same, and done once.
        repeated = new["anton"].command("OpenRelease", release("5.0.0"), idempotency_key=KEY)
        assert (repeated["position"], repeated["events"]) == (first["position"], first["events"])
        went_on = new["anton"].command("OpenRelease", release("6.0.0"))
        assert went_on["position"] == len(there) + len(went_on["events"])
        # The read models there know of it by Kafka, to which the relay gave everything, from the first event on.
        assert new["admin-1"].get("/status", after=went_on["position"])["position"] == went_on["position"]
        published = [record.value for record in await seen(kafka.address, f"{topics}.events")]
        assert published == await everything(dsns.app)
    assert await everything(old.app) == before
    ledger = await Ledger.open(dsns.app)
    assert (await EvidenceStore(ledger).get(PROJECT, kept)).bytes == EVIDENCE
    letters = await DeadLetters(ledger).listed(PROJECT)
    assert [letter.reason for letter in letters] == ["it ends too early"]
    await ledger.close()


async def test_what_nobody_closed_is_not_taken_along(old: Old, dsns: Dsns) -> None:
    with pytest.raises(NotClosed):
        await move(old.app, dsns.owner, PROJECT, token_of("admin-1"))
    assert await everything(dsns.app) == []


async def test_into_a_ledger_that_holds_something_nothing_is_taken(old: Old, dsns: Dsns, tmp_path: Path) -> None:
    close_ledger(old, tmp_path)
    await move(old.app, dsns.owner, PROJECT, token_of("admin-1"))
    there = await everything(dsns.app)
    with pytest.raises(LedgerError):
        await move(old.app, dsns.owner, PROJECT, token_of("admin-1"))
    assert await everything(dsns.app) == there


async def test_evidence_that_did_not_come_along_leaves_a_ledger_that_takes_nothing(
    old: Old, dsns: Dsns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keep_beside(old.app)
    close_ledger(old, tmp_path)

    async def forget(*_: object) -> None: ...

    monkeypatch.setattr(Restore, "add_evidence", forget)
    with pytest.raises(TopicBroken, match="1 pieces of evidence"):
        await move(old.app, dsns.owner, PROJECT, token_of("admin-1"))
    ledger = await Ledger.open(dsns.app)
    with pytest.raises(ReadOnlyLedger):
        await record_in(ledger, "shop", 1)
    await ledger.close()


async def test_an_old_ledger_that_still_grew_is_not_taken_along(
    old: Old, dsns: Dsns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    close_ledger(old, tmp_path)

    async def late(source: Ledger, *_: object) -> None:
        # As a server of an older version would, which knows nothing of a ledger that moved.
        await record_in(source, PROJECT, 1)

    monkeypatch.setattr(moving, "_letters", late)
    with pytest.raises(TopicBroken, match="the old ledger is at"):
        await move(old.app, dsns.owner, PROJECT, token_of("admin-1"))
    ledger = await Ledger.open(dsns.app)
    with pytest.raises(ReadOnlyLedger):
        await record_in(ledger, "shop", 1)
    await ledger.close()
