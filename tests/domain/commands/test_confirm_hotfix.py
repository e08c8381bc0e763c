"""ConfirmHotfix: an independent person binds this content to this open problem in production."""

from __future__ import annotations

import pytest

from interlock.domain.commands.problem import ResolveProblem
from interlock.domain.commands.release import ConfirmHotfix, OpenRelease
from interlock.domain.errors import InvalidCommand
from tests.domain.story import PRODUCTION, SANDBOX, Story, lacks, running

H = "4.11.1"


def opened(author: str = "dora") -> tuple[Story, str]:
    story = running()
    problem = story.problem()
    story.do(author, OpenRelease(name=H, kind="hotfix", title=H, problem=problem))
    return story, problem


def with_content() -> tuple[Story, str]:
    story, problem = opened()
    story.do("dora", story.content(H, author="dora", contains=("4.11.0",), fixes=(problem,)))
    return story, problem


def test_it_is_bound_to_the_content_and_to_the_problem() -> None:
    story, problem = with_content()
    story.do("rm-1", ConfirmHotfix(release=H))
    confirmed = story.event("HotfixConfirmed")
    content = story.situation.releases[H].content
    assert content is not None
    assert (confirmed.content_digest, confirmed.problem) == (content.digest, problem)


@pytest.mark.parametrize("who", ["qa-1", "qa-2", "reviewer-1", "rm-1"])
def test_testers_reviewers_and_release_managers_confirm_it(who: str) -> None:
    story, _ = with_content()
    assert story.do(who, ConfirmHotfix(release=H)).facts


def test_an_author_does_not() -> None:
    story, problem = opened("rm-1")
    story.do("rm-1", story.content(H, author="qa-1", fixes=(problem,)))
    for author in ("rm-1", "qa-1"):
        outcome = lacks(story.refuse(author, ConfirmHotfix(release=H), "approver-independent").decision)
        assert outcome["approver-independent"].who == ("qa-2", "reviewer-1")
    story.refuse("dora", ConfirmHotfix(release=H), "role-held")


def test_nothing_is_confirmed_of_a_hotfix_without_content() -> None:
    story, _ = opened()
    story.refuse("rm-1", ConfirmHotfix(release=H), "content-current")


def test_new_content_has_to_be_confirmed_anew() -> None:
    story, problem = with_content()
    story.do("rm-1", ConfirmHotfix(release=H))
    story.do("dora", story.content(H, author="dora", contains=("4.11.0",), fixes=(problem,), salt="2"))
    outcome = lacks(story.gate(H, PRODUCTION))["hotfix-confirmed"]
    assert (outcome.state, outcome.next) == ("needed", f"dt release confirm-hotfix {H}")
    assert outcome.who == ("qa-1", "qa-2", "reviewer-1", "rm-1")


def test_a_resolved_problem_is_not_confirmed_and_another_open_one_may_be_linked() -> None:
    story, problem = with_content()
    other, elsewhere = story.problem(title="orders are slow"), story.problem(SANDBOX, title="a typo")
    story.do("rm-1", ResolveProblem(problem=problem, how="by itself"))
    story.refuse("rm-1", ConfirmHotfix(release=H), "problem-linked")
    story.refuse("rm-1", ConfirmHotfix(release=H, problem=elsewhere), "problem-linked")
    story.do("rm-1", ConfirmHotfix(release=H, problem=other))
    assert story.situation.releases[H].problem == other


def test_the_kind_of_a_release_never_changes() -> None:
    story = running().develop("4.12.0")
    problem = story.problem()
    with pytest.raises(InvalidCommand, match="its kind never changes"):
        story.ask("rm-1", ConfirmHotfix(release="4.12.0", problem=problem))


def test_confirming_it_again_changes_nothing() -> None:
    story, _ = with_content()
    story.do("rm-1", ConfirmHotfix(release=H))
    assert not story.do("rm-1", ConfirmHotfix(release=H)).facts
