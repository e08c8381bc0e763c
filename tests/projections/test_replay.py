"""At every position, each projection equals a fresh replay cut there, however the events came."""

from __future__ import annotations

import asyncio
from itertools import count
from random import Random
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from interlock.ledger.embedded import Dsns
from tests.projections.answers import Writer, answers, read_models
from tests.projections.histories import chaos, walk
from tests.projections.story import story
from tests.projections.tape import Tape

NAMES = count(1)
PAGE_MAX = 40
# A failure prints its seed; histories made from seeds do not shrink.
SEEDS = settings(
    deadline=None, suppress_health_check=list(HealthCheck), phases=(Phase.explicit, Phase.reuse, Phase.generate)
)


def in_pages(events: list[Any], random: Random) -> list[list[Any]]:
    """Pages of any size, some sent twice, some overlapping."""
    pages, at = [], 0
    while at < len(events):
        size = random.randint(1, PAGE_MAX)
        pages.append(events[max(0, at - random.randint(0, 2)) : at + size])
        if random.random() < 0.2:
            pages.append(pages[-1])
        at += size
    return pages


async def compare(dsn: str, tape: Tape, random: Random, cuts: list[int]) -> None:
    """Compare the whole, looked at from each cut, with a replay that has come no further than the cut."""
    async with read_models(dsn) as writer:
        whole, part = f"whole-{next(NAMES)}", f"part-{next(NAMES)}"
        await writer.write(whole, in_pages(tape.copy(whole), random))
        replay = tape.copy(part)
        before = 0
        for cut in sorted(set(cuts)):
            await writer.write(part, ([event] for event in replay[before:cut]))
            await compare_at(writer, whole, part, cut)
            before = cut


async def compare_at(writer: Writer, whole: str, part: str, cut: int) -> None:
    then = await answers(writer.connection, whole, cut)
    replayed = await answers(writer.connection, part, None)
    for question, answer in replayed.items():
        assert then[question] == answer, f"{question} at {cut}"


@settings(SEEDS, max_examples=12)
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 40))
def test_every_projection_equals_a_replay_cut_at_a_random_position(
    read_model_dsns: Dsns, seed: int, steps: int
) -> None:
    random = Random(seed)
    tape = walk(random, steps)
    cuts = [random.randint(0, tape.position), tape.position]
    asyncio.run(compare(read_model_dsns.app, tape, random, cuts))


@settings(SEEDS, max_examples=12)
@given(seed=st.integers(0, 2**32), events=st.integers(1, 40))
def test_what_no_rule_would_have_allowed_is_still_readable(read_model_dsns: Dsns, seed: int, events: int) -> None:
    random = Random(seed)
    tape = chaos(random, events)
    asyncio.run(compare(read_model_dsns.app, tape, random, [random.randint(0, events), events]))


def test_the_story_equals_its_replay_at_every_position(read_model_dsns: Dsns) -> None:
    tape = story()
    asyncio.run(compare(read_model_dsns.app, tape, Random(3), list(range(tape.position + 1))))
