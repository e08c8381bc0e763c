"""Whatever is killed on the way, each request is done once, and answered as it was the first time."""

from __future__ import annotations

import asyncio
import json
import signal
import sys

import pytest

from tests.feed.feeds import sleep
from tests.fixtures.server import PROJECT
from tests.house.tree import REPOSITORY
from tests.intake.conftest import DEADLINE_SECONDS, Office
from tests.intake.test_intake import ANNOTATE, STRUCTURED, event, remark

REQUESTS = 4


async def killed_at(office: Office, step: str) -> int:
    dsn = office.here.parts.ledger._dsn
    prefix = office.topics.intake.name.removesuffix(".intake")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.intake.killed", dsn, office.address.servers, prefix, office.group, step),
        cwd=REPOSITORY,
    )
    return await process.wait()


@pytest.mark.parametrize("step, told_before", [("before deciding", 0), ("after deciding", 0), ("after telling", 1)])
async def test_a_killed_intake_is_as_if_it_had_not_been(office: Office, step: str, told_before: int) -> None:
    before = await office.events()
    for number in range(REQUESTS):
        await office.put(event(ANNOTATE, remark(number), str(number)), STRUCTURED)
    await office.put(b"poison", STRUCTURED)
    assert await killed_at(office, step) == -signal.SIGKILL
    async with office.running():
        told = await office.outcomes(REQUESTS * (1 + told_before))
        await office.all_in(office.topics.dead_letter.name, 1 + told_before)
    assert await office.events() == before + REQUESTS
    answers: dict[str, list[dict[str, object]]] = {}
    for each in told:
        answers.setdefault(each.about[1], []).append({**json.loads(each.value), "repeated": None})
    assert {name: len(found) for name, found in answers.items()} == {
        str(number): 1 + told_before for number in range(REQUESTS)
    }
    for number, (name, found) in enumerate(sorted(answers.items())):
        assert all(answer == found[0] for answer in found), name
        assert found[0]["position"] == before + 1 + number
    assert len(await office.letters.listed(PROJECT, everything=True)) == 1


async def test_while_intakes_come_and_go_each_request_is_done_once(office: Office) -> None:
    before = await office.events()
    async with office.running() as first:
        for round_ in range(4):
            # A batch is under way each time somebody joins or leaves, and the partition goes over in its middle.
            async with office.running():
                for number in range(10):
                    await office.put(event(ANNOTATE, remark(10 * round_ + number), f"{round_}-{number}"), STRUCTURED)
                await sleep(0.5)
        told = await office.outcomes(40)
        while len({each.about[1] for each in told}) < 40:
            told = await office.outcomes(len(told) + 1)
        # A batch whose partition went over could not be committed; that is over once it goes on.
        async with asyncio.timeout(DEADLINE_SECONDS):
            while first.trouble is not None:
                await sleep(0.1)
    assert await office.events() == before + 40
    answers: dict[str, list[dict[str, object]]] = {}
    for each in told:
        answers.setdefault(each.about[1], []).append({**json.loads(each.value), "repeated": None})
    assert all(answer == found[0] for found in answers.values() for answer in found)
