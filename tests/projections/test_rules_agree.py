"""What the environments' read model shows is what the rules decide on."""

from __future__ import annotations

import asyncio
from itertools import count
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.domain.evolve import evolve
from interlock.domain.situation import Environment, Situation
from interlock.ledger.embedded import Dsns
from interlock.projections import environment_state
from tests.projections.answers import read_models
from tests.projections.histories import walk
from tests.projections.tape import Tape
from tests.projections.test_replay import SEEDS

NAMES = count(1)
POSITIONS_LOOKED_AT = 15


def decided(environment: Environment) -> tuple[Any, ...]:
    """What the rules know, in the read model's words."""
    if environment.deploy is not None and environment.deploy.started > (
        environment.unsure.position if environment.unsure else 0
    ):
        return ("deploying", environment.deploy.release)
    if environment.unsure is not None:
        return ("unsure", None)
    if environment.occupant is not None:
        return ("occupied", environment.occupant.release)
    return ("mixed" if environment.mixed else "empty", None)


def shown(state: dict[str, Any] | None) -> tuple[Any, ...]:
    if state is None:
        return ("empty", None)
    occupancy = state["occupancy"]
    return (occupancy["state"], occupancy.get("release") if occupancy["state"] in {"occupied", "deploying"} else None)


async def compare(dsn: str, tape: Tape, positions: set[int]) -> None:
    async with read_models(dsn) as writer:
        project = f"rules-{next(NAMES)}"
        await writer.write(project, [tape.copy(project)])
        situation = Situation()
        for recorded in tape.events:
            situation = evolve(situation, recorded)
            if recorded.position not in positions:
                continue
            for name, environment in situation.environments.items():
                state = await environment_state.environment(writer.connection, project, name, at=recorded.position)
                assert shown(state) == decided(environment), f"{name} at {recorded.position}: {recorded.event}"
                corrupt = None if state is None else state["corrupt"]
                assert (corrupt and corrupt["reason"]) == environment.data.corrupt


@settings(SEEDS, max_examples=15)
@given(seed=st.integers(0, 2**32), steps=st.integers(5, 60))
def test_what_runs_where_is_the_same_for_rules_and_readers(read_model_dsns: Dsns, seed: int, steps: int) -> None:
    random = Random(seed)
    tape = walk(random, steps)
    last = {position for position in range(tape.position - 3, tape.position + 1) if position > 0}
    some = {random.randint(1, tape.position) for _ in range(POSITIONS_LOOKED_AT)} if tape.position else set()
    asyncio.run(compare(read_model_dsns.app, tape, last | some))
