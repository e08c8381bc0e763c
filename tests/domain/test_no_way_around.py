"""No sequence of commands starts a deploy without its evidence: long random walks, judged by an independent oracle."""

from __future__ import annotations

from functools import reduce

import pytest

from interlock.domain.evolve import evolve
from interlock.domain.situation import EMPTY
from tests.domain.oracle import Before, leases_overlap
from tests.domain.walk import Walk

SEEDS = 8
STEPS = 250


@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_people_do_no_deploy_starts_without_its_evidence(seed: int) -> None:
    story = Walk(seed).go(STEPS)
    for index, recorded in enumerate(story.events):
        if recorded.type == "DeployStarted":
            lacking = list(Before(story.events, index).missing())
            assert not lacking, f"seed {seed}, @{recorded.position} {recorded.event.intent}: {lacking}"
    assert not list(leases_overlap(story.events))
    for place in story.situation.environments.values():
        assert place.occupant is None or place.unsure is None
        assert (place.deploy is None) or (place.lease is not None)
    # Whoever reads the ledger from its start sees what the one saw who decided, with closed things loaded now and then.
    assert reduce(evolve, story.events, EMPTY) == story.situation


def test_the_walks_come_far_enough_to_say_something() -> None:
    started = {
        (recorded.event.environment, recorded.event.intent)
        for seed in range(SEEDS)
        for recorded in Walk(seed).go(STEPS).events
        if recorded.type == "DeployStarted"
    }
    assert {("production", "promote"), ("production", "rollback"), ("stage", "redeploy")} <= started
