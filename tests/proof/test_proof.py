"""Every state that the shipped rules can reach is searched: nothing wrong is found, and no dead end."""

from __future__ import annotations

import pytest

from tests.domain.guards import GUARDS, INDEPENDENCE
from tests.proof.document import PATH, document
from tests.proof.figures import figures
from tests.proof.guards import NOT_SEARCHED, REDUCED, Reduced, guards
from tests.proof.odd import ODD
from tests.proof.parts import PARTS
from tests.proof.runs import PROCESSES, part_names, searched_parts, without_each
from tests.proof.scenes import SCENES

TRANSITIONS_MIN = 1_000_000
# Without it the small parts show nothing wrong: a review records nothing where no rehearsal was begun.
IMPLIED = {"rehearsal-begun"}
ODD_STATES_MAX = 500
# Only against hangs: alone on a core the largest part takes some minutes.
HANGS_SECONDS = 3600
ANEW = "write it anew: python -m tests.proof"


@pytest.mark.proof
@pytest.mark.timeout(HANGS_SECONDS)
@pytest.mark.parametrize("name", part_names())
def test_no_reachable_state_is_wrong(name: str) -> None:
    """Nor is one a dead end: from each, willing people come to a calm one."""
    [part] = searched_parts([name])
    assert part.found == ()
    assert part.stuck == ()
    assert part.calm
    [written] = [one for one in figures().parts if one.name == name]
    assert part == written, ANEW


@pytest.mark.proof
@pytest.mark.timeout(HANGS_SECONDS)
@pytest.mark.parametrize("share", range(PROCESSES))
def test_each_guard_that_is_taken_away_is_missed_or_known_to_be_implied(share: int) -> None:
    removed = list(without_each([share]))
    assert {one.guard for one in removed if one.where is None} <= IMPLIED
    written = {one.guard: one for one in figures().removed}
    assert removed == [written[one.guard] for one in removed], ANEW


def test_what_is_written_is_of_every_part_and_of_every_guard() -> None:
    assert tuple(part.name for part in figures().parts) == part_names()
    assert tuple(one.guard for one in figures().removed) == guards()
    assert {one.guard for one in figures().removed if one.where is None} == IMPLIED


def test_the_page_says_what_is_written() -> None:
    assert PATH.read_text(encoding="utf-8") == document(figures().parts, figures().removed), ANEW


def test_the_space_of_the_flow_is_large_enough_to_say_something() -> None:
    flow = {part.scope.name for part in PARTS}
    assert sum(part.transitions for part in figures().parts if part.name in flow) >= TRANSITIONS_MIN


def test_the_bad_days_lie_in_the_space() -> None:
    shown = {name for part in figures().parts for name, count in part.scenes if count}
    assert shown == set(SCENES)


@pytest.mark.proof
@pytest.mark.timeout(HANGS_SECONDS)
@pytest.mark.parametrize("reduced", [one for one in REDUCED if ODD in one.scope.disturb], ids=lambda one: one.name)
def test_with_every_guard_in_its_place_odd_hands_do_nothing_wrong(reduced: Reduced) -> None:
    assert reduced.search(limit=ODD_STATES_MAX).run().states > 1


def test_every_guard_is_taken_away_or_named_as_not_in_the_search() -> None:
    assert {*guards(), *NOT_SEARCHED} == {*GUARDS, *INDEPENDENCE}
    assert not set(guards()) & set(NOT_SEARCHED)
