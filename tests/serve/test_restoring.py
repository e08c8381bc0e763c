"""An empty ledger is filled from Kafka, whole or not at all, and takes commands when two persons have said so."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from interlock.desk import Desk, NotAccepted
from interlock.domain.commands.governance import AcceptRestoredLedger, Annotate, ConfirmAsked, DeclineAsked
from interlock.domain.errors import InvalidCommand
from interlock.events.codec import decode, request_hash
from interlock.events.envelope import Actor
from interlock.feed.replay import TopicBroken
from interlock.identity import NotAuthenticated
from interlock.ledger import Ledger, LedgerError, ReadOnlyLedger
from interlock.ledger.embedded import Dsns
from interlock.serve import seams
from interlock.serve.restoring import restore
from tests.api.conftest import Here, here, unbegun
from tests.feed.feeds import record_in
from tests.feed.published import Published, published
from tests.fixtures.kafka import Kafka
from tests.fixtures.server import PROJECT, config_text, token_of
from tests.house.tree import REPOSITORY

__all__ = ["here", "unbegun"]

FIRST = Actor(id="admin-1", kind="person")
SECOND = Actor(id="admin-2", kind="person")


@dataclass
class Old:
    """What is on the topic: a small project's whole history."""

    topic: Published
    bodies: list[bytes]


@pytest_asyncio.fixture
async def old(here: Here, kafka: Kafka) -> AsyncIterator[Old]:
    await here.somebody("anton", "developer")
    stored = await here.parts.ledger.read(PROJECT, after=0, limit=1_000)
    async with published(kafka) as topic:
        await topic.put(decode(each.body) for each in stored)
        yield Old(topic, [each.body for each in stored])


async def restored(old: Old, dsns: Dsns, token: str = token_of("admin-1")) -> dict[str, object]:
    return dict(await restore(dsns.owner, old.topic.address, old.topic.topic, token))


async def give(desk: Desk, actor: Actor, command: object) -> object:
    name = type(command).__name__
    hashed = request_hash(name, command, actor=actor.id)
    return await desk.submit(PROJECT, command, actor, command_id=uuid4(), request_hash=hashed)


async def test_it_is_the_same_ledger_and_closed_until_two_persons_open_it(old: Old, dsns: Dsns) -> None:
    # What a relay sends again after a crash changes nothing.
    await old.topic.put(decode(body) for body in old.bodies[-5:])
    await restored(old, dsns)
    ledger = await Ledger.open(dsns.app)
    desk = Desk(ledger, monotonic=seams.monotonic, event_ids=seams.event_id)
    bodies = [each.body for each in await ledger.read(PROJECT, after=0, limit=1_000)]
    assert bodies[:-1] == old.bodies
    asked = decode(bodies[-1]).event
    remark = Annotate(target=1, kind="remark", text="x")
    with pytest.raises(NotAccepted):
        await give(desk, FIRST, remark)
    # Who asked is not the second person.
    alone = await give(desk, FIRST, ConfirmAsked(ask=asked.ask, bound_digest=asked.bound_digest))
    assert alone.status == "refused"  # type: ignore[attr-defined]
    # A no leaves it closed, and it can be asked for again.
    assert (await give(desk, SECOND, DeclineAsked(ask=asked.ask, reason="what was lost?"))).status == "accepted"  # type: ignore[attr-defined]
    with pytest.raises(NotAccepted):
        await give(desk, SECOND, remark)
    again = AcceptRestoredLedger(position=len(old.bodies), backup="kafka", taken_at=decode(bodies[-2]).recorded_at)
    ask = (await give(desk, SECOND, again)).recorded[0].event  # type: ignore[attr-defined]
    opened = await give(desk, FIRST, ConfirmAsked(ask=ask.ask, bound_digest=ask.bound_digest))
    event = opened.recorded[-1].event  # type: ignore[attr-defined]
    assert (type(event).__name__, event.position) == ("LedgerRestored", len(old.bodies))
    assert (event.asked_by, event.confirmed_by) == ("admin-2", "admin-1")
    assert (await give(desk, FIRST, remark)).status == "accepted"  # type: ignore[attr-defined]
    # On a ledger that takes commands there is nothing to accept.
    with pytest.raises(InvalidCommand):
        await give(desk, FIRST, again)
    await desk.close()
    await ledger.close()


async def test_a_topic_that_is_not_whole_is_refused_and_leaves_a_ledger_that_takes_nothing(
    here: Here, kafka: Kafka, dsns: Dsns
) -> None:
    stored = await here.parts.ledger.read(PROJECT, after=0, limit=1_000)
    async with published(kafka) as topic:
        await topic.put(decode(each.body) for each in stored if each.position != 7)
        with pytest.raises(TopicBroken, match="7 to 7 are missing"):
            await restore(dsns.owner, topic.address, topic.topic, token_of("admin-1"))
    ledger = await Ledger.open(dsns.app)
    with pytest.raises(ReadOnlyLedger):
        await record_in(ledger, "shop", 1)
    assert (await ledger.head(PROJECT)).position == 0
    await ledger.close()


async def test_other_bytes_for_a_known_position_are_refused(old: Old, dsns: Dsns) -> None:
    forged = decode(old.bodies[3].replace(b"T08:00:00", b"T08:00:01"))
    assert forged.raw != old.bodies[3]
    await old.topic.put([forged])
    with pytest.raises(TopicBroken, match="with different bytes"):
        await restored(old, dsns)


async def test_a_ledger_that_holds_something_is_not_restored_into(old: Old, dsns: Dsns) -> None:
    await restored(old, dsns)
    with pytest.raises(LedgerError):
        await restored(old, dsns)


@pytest.mark.parametrize("who", ["anton", "nobody"])
async def test_only_an_administrator_asks_for_it(old: Old, dsns: Dsns, who: str) -> None:
    with pytest.raises(NotAuthenticated):
        await restored(old, dsns, token_of(who))
    connection = await asyncpg.connect(dsns.owner)
    assert await connection.fetchval("select restoring from ledger.mark")
    await connection.close()


async def test_the_command_says_what_comes_next(old: Old, dsns: Dsns, tmp_path: Path) -> None:
    config = tmp_path / "interlock.toml"
    config.write_text(config_text(dsns=dsns), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "interlock.serve.restoring", "--config", str(config)),
        *("--kafka", old.topic.address.servers, "--topic", old.topic.topic),
        cwd=REPOSITORY,
        env={"INTERLOCK_TOKEN": token_of("admin-1"), "PATH": "/usr/bin:/bin"},
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    assert f"{PROJECT}: {len(old.bodies)} events" in said.decode()
    assert "dt confirm C-" in said.decode()
