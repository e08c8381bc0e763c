"""Every state that the shipped rules can reach is searched: nothing wrong is found, and no dead end."""

from __future__ import annotations

import pytest

from tests.domain.guards import GUARDS, INDEPENDENCE
from tests.proof.document import PATH, document
from tests.proof.guards import NOT_SEARCHED, REDUCED, Reduced, Removed, guards
from tests.proof.odd import ODD
from tests.proof.parts import PARTS
from tests.proof.runs import Searched, all_guards, all_parts
from tests.proof.scenes import SCENES

pytestmark = pytest.mark.proof
TRANSITIONS_MIN = 1_000_000
# Without it the small parts show nothing wrong: a review records nothing where no rehearsal was begun.
IMPLIED = {"rehearsal-begun"}
ODD_STATES_MAX = 500
# Only against hangs: alone on two cores both together take under four minutes.
HANGS_SECONDS = 3600


@pytest.fixture(scope="module")
def parts() -> list[Searched]:
    return all_parts()


@pytest.fixture(scope="module")
def removed() -> list[Removed]:
    return all_guards()


@pytest.mark.timeout(HANGS_SECONDS)
def test_no_reachable_state_is_wrong(parts: list[Searched]) -> None:
    assert [part.found for part in parts if part.found] == []


@pytest.mark.timeout(HANGS_SECONDS)
def test_from_every_state_willing_people_come_to_a_calm_one(parts: list[Searched]) -> None:
    assert [part.stuck for part in parts if part.stuck] == []
    assert all(part.goals for part in parts)


@pytest.mark.timeout(HANGS_SECONDS)
def test_the_space_of_the_flow_is_large_enough_to_say_something(parts: list[Searched]) -> None:
    flow = {part.scope.name for part in PARTS}
    assert sum(part.transitions for part in parts if part.name in flow) >= TRANSITIONS_MIN


@pytest.mark.timeout(HANGS_SECONDS)
def test_the_bad_days_lie_in_the_space(parts: list[Searched]) -> None:
    shown = {name for part in parts for name, count in part.scenes if count}
    assert shown == set(SCENES)


@pytest.mark.timeout(HANGS_SECONDS)
def test_the_page_says_what_the_run_gives(parts: list[Searched], removed: list[Removed]) -> None:
    assert PATH.read_text(encoding="utf-8") == document(parts, removed), "write it anew: python -m tests.proof"


@pytest.mark.timeout(HANGS_SECONDS)
def test_each_guard_is_found_missing_or_known_to_be_implied(removed: list[Removed]) -> None:
    silent = {one.guard for one in removed if one.where is None}
    assert silent == IMPLIED


@pytest.mark.timeout(HANGS_SECONDS)
@pytest.mark.parametrize("reduced", [one for one in REDUCED if ODD in one.scope.disturb], ids=lambda one: one.name)
def test_with_every_guard_in_its_place_odd_hands_do_nothing_wrong(reduced: Reduced) -> None:
    assert reduced.search(limit=ODD_STATES_MAX).run().states > 1


def test_every_guard_is_taken_away_or_named_as_not_in_the_search() -> None:
    assert {*guards(), *NOT_SEARCHED} == {*GUARDS, *INDEPENDENCE}
    assert not set(guards()) & set(NOT_SEARCHED)
