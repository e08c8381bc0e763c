"""Who may judge what: separation of duties compares persons, not credentials."""

from __future__ import annotations

from collections.abc import Iterable

from interlock.domain.situation import Adjustment, Problem, Release, Situation


def approver_independent(person: str, release: Release) -> bool:
    """Nobody approves what he opened, set or wrote."""
    return person not in release.authors


def reviewer_independent(person: str, release: Release) -> bool:
    """Nobody reviews what he opened, set or wrote."""
    return person not in release.authors


def reporter_independent(person: str, release: Release) -> bool:
    """Nobody reports by hand on what he opened, set or wrote."""
    return person not in release.authors


def second_person_independent(second: str, first: str) -> bool:
    """Two persons are two."""
    return second != first


def resolver_independent(
    person: str, situation: Situation, problem: Problem, fixed_by: str | None, production: str
) -> bool:
    """Nobody resolves or dismisses what blocks a release of his, or what he says he fixed."""
    return not any(person in release.authors for release in concerned(situation, problem, fixed_by, production))


def verifier_independent(person: str, adjustment: Adjustment, operator: str | None) -> bool:
    """Nobody verifies what he asked for or amended, or what he will execute."""
    return person not in adjustment.requesters and person != operator


def result_checker_independent(person: str, adjustment: Adjustment) -> bool:
    """Nobody finds the result right of what he asked for, amended or executed."""
    return person not in adjustment.requesters and person != adjustment.executed_by


def concerned(situation: Situation, problem: Problem, fixed_by: str | None, production: str) -> Iterable[Release]:
    """The releases that the problem blocks, those that name it as fixed, and the one that fixed it."""
    for release in situation.releases.values():
        fixes = release.content.fixes if release.content is not None else ()
        blocked = problem.environment == production and release.open and release.kind == "normal"
        fixes_it = problem.problem in fixes or problem.problem == release.problem
        if blocked or fixes_it or release.name in {fixed_by, problem.release}:
            yield release


def independent_persons(situation: Situation, release: Release, *roles: str) -> tuple[str, ...]:
    """Who may judge the release, by the roles."""
    return tuple(p for p in situation.team.persons_holding(*roles) if approver_independent(p, release))
