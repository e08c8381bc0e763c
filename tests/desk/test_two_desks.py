"""Two desks on one project: each sees what the other recorded, and both get their turns."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from interlock.desk import Answer, project
from interlock.domain.errors import NotFound
from interlock.ledger import Ledger
from tests.desk.desks import Clerk, clerk_at, events_of
from tests.desk.tiny import Close, Note, Nothing, Open

ROOT = Path(__file__).resolve().parents[2]


def no_gaps(positions: list[int]) -> bool:
    return positions == list(range(1, len(positions) + 1))


async def test_an_overtaken_desk_reads_the_news_and_decides_again(clerk: Clerk, dsns, ledger: Ledger):
    await clerk.say(Note())
    async with clerk_at(dsns.app) as other:
        assert (await other.say(Open("4.12.0"))).status == "accepted"
        # What this desk remembers does not know the release yet.
        assert (await clerk.say(Open("4.12.0"))).status == "refused"
        assert (await other.say(Close("4.12.0"))).status == "accepted"
        assert (await clerk.say(Note())).position == 6
    assert no_gaps([event.position for event in await events_of(ledger)])


async def test_an_answer_without_events_is_given_on_the_news_too(clerk: Clerk, dsns):
    await clerk.say(Note())
    async with clerk_at(dsns.app) as other:
        await other.say(Open("4.12.0"))
        await other.say(Open("4.13.0"))
    # NotFound would be what the desk remembers.
    assert (await clerk.say(Close("4.12.0"))).status == "accepted"
    with pytest.raises(NotFound):
        await clerk.say(Close("4.12.0"))
    assert (await clerk.say(Nothing())).position == 6


async def test_one_id_at_two_desks_at_once_is_done_once(dsns, ledger: Ledger):
    async with clerk_at(dsns.app) as one, clerk_at(dsns.app) as other:
        for number in range(20):
            command_id = uuid4()
            first, second = await asyncio.gather(
                *(clerk.say(Open(f"4.{number}.0"), command_id=command_id) for clerk in (one, other))
            )
            assert first == second
            assert {first.repeated, second.repeated} == {True, False}
    assert len(await events_of(ledger)) == 40


async def test_two_desks_with_many_callers_lose_and_double_nothing(dsns, ledger: Ledger):
    async def call(clerk: Clerk, name: str) -> list[Answer]:
        return [await clerk.say(Open(f"{name}.{number}")) for number in range(10)]

    async with clerk_at(dsns.app) as one, clerk_at(dsns.app) as other:
        calls = [call(clerk, f"{name}-{n}") for name, clerk in (("one", one), ("other", other)) for n in range(8)]
        said = await asyncio.gather(*calls)
    answers = [answer for answers in said for answer in answers]
    events = await events_of(ledger)
    assert no_gaps([event.position for event in events])
    assert sorted(event.position for answer in answers for event in answer.recorded) == [e.position for e in events]
    assert all(answer.status == "accepted" for answer in answers)


async def test_who_is_overtaken_takes_turns_for_a_while_and_a_lone_desk_takes_none(
    clerk: Clerk, dsns, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
):
    turns = 0
    turn = ledger.turn

    def counted(name: str):
        nonlocal turns
        turns += 1
        return turn(name)

    monkeypatch.setattr(ledger, "turn", counted)
    for _ in range(5):
        await clerk.say(Note())
    assert turns == 0
    async with clerk_at(dsns.app) as other:
        await other.say(Note())
    for _ in range(5):
        await clerk.say(Note())
    assert turns == 5
    monkeypatch.setattr(project, "TURNS_SECONDS", -1.0)
    clerk.desk._projects["shop"]._turns_until = 0.0
    await clerk.say(Note())
    assert turns == 5


def test_two_processes_share_fairly(dsns):
    """Each of two processes with equal work gets done while the other works: neither waits until the other ends."""
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.desk.caller", dsns.app, name, "4", "250"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            text=True,
        )
        for name in ("one", "other")
    ]
    try:
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in started:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        positions = [json.loads(process.communicate(timeout=60)[0]) for process in started]
    finally:
        for process in started:
            process.kill()
            process.communicate()
    assert no_gaps(sorted(positions[0] + positions[1]))
    half = len(positions[0])
    # Of the first half of all events, each wrote at least a tenth: an unlucky start is no starvation.
    assert half / 10 <= sum(position <= half for position in positions[0]) <= half * 9 / 10
