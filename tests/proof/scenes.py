"""What must lie in the space, so that searching it says something: the bad days that people fear."""

from __future__ import annotations

from collections.abc import Callable

from tests.proof.ghost import PRODUCTION
from tests.proof.people import HOTFIX, NORMAL
from tests.proof.world import State


def _troubles(state: State) -> int:
    return sum(problem.environment == PRODUCTION for problem in state.situation.problems.values())


def incident_in_a_half_done_deploy(state: State) -> bool:
    """A deploy to production failed half way, and beside its own problem there is another one."""
    unsure = state.situation.environments[PRODUCTION].unsure
    return unsure is not None and unsure.work is not None and _troubles(state) > 1


def hotfix_without_its_problem(state: State) -> bool:
    """A hotfix is on its way whose problem is not open any more."""
    hotfix = state.situation.releases.get(HOTFIX)
    return hotfix is not None and hotfix.open and hotfix.problem not in state.situation.problems


def deploy_that_never_reported(state: State) -> bool:
    """The lease of a production deploy ended without a report."""
    production = state.situation.environments[PRODUCTION]
    return production.unsure is not None and production.unsure.work is not None and bool(production.lost)


def freeze_in_an_incident(state: State) -> bool:
    """Production is frozen, and has a problem."""
    return state.situation.environments[PRODUCTION].freeze is not None and _troubles(state) > 0


def hotfix_rolled_back(state: State) -> bool:
    """Production went back from a hotfix."""
    hotfix = state.ghost.releases.get(HOTFIX)
    return hotfix is not None and hotfix.content in state.situation.rolled_back


def overtaken(state: State) -> bool:
    """A hotfix runs in production while the normal release is still on its way."""
    normal = state.situation.releases.get(NORMAL)
    running = state.situation.environments[PRODUCTION].occupant
    return normal is not None and normal.open and running is not None and running.release == HOTFIX


def rolled_back(state: State) -> bool:
    """Production went back from the normal release."""
    return state.ghost.releases[NORMAL].content in state.situation.rolled_back


SCENES: dict[str, Callable[[State], bool]] = {
    "an incident in the middle of a deploy that failed half way": incident_in_a_half_done_deploy,
    "a hotfix whose problem was resolved under it": hotfix_without_its_problem,
    "a deploy that never reports": deploy_that_never_reported,
    "a freeze during an incident": freeze_in_an_incident,
    "a rollback": rolled_back,
    "a rollback of a hotfix": hotfix_rolled_back,
    "a hotfix that overtakes the normal release": overtaken,
}
