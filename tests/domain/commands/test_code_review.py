"""ApproveCodeReview, RejectCodeReview, WithdrawCodeReview: all changes since production, at once, by no author."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.domain.commands.evidence import ApproveCodeReview, RejectCodeReview, WithdrawCodeReview
from interlock.domain.commands.governance import GrantRole
from interlock.domain.commands.release import OpenRelease
from interlock.domain.errors import InvalidCommand
from tests.domain.story import PRODUCTION, STAGE, Story, digest, empty_production, lacks, rehearsed, running

R = "4.12.0"
REJECT = RejectCodeReview(release=R, reason="a race")
WITHDRAW = WithdrawCodeReview(release=R, reason="I erred")


def approve(base: str | None = "4.11.0") -> ApproveCodeReview:
    return ApproveCodeReview(release=R, base_release=base, commit_range="v1..v2", diff_digest=digest("diff"))


def in_stage(story: Story | None = None, **content: Any) -> Story:
    story = (story or running()).develop(R, contains=("4.11.0",), **content).to_tests(R).to_sandbox(R)
    story.deploy(R, STAGE)
    return story


def test_a_reviewer_who_is_no_author_approves_all_changes_since_production() -> None:
    story = in_stage()
    story.do("reviewer-1", approve())
    review = story.event("CodeReviewApproved")
    assert (review.base_release, review.deploy) == ("4.11.0", story.event("DeployStarted").deploy)
    assert "code-reviewed" not in lacks(story.gate(R, PRODUCTION))


def test_an_author_does_not_review() -> None:
    story = in_stage(author="reviewer-1")
    story.both("admin-1", "admin-2", GrantRole(principal="dora", role="reviewer"))
    outcome = lacks(story.refuse("reviewer-1", approve()).decision)
    assert set(outcome) == {"reviewer-independent"}
    assert outcome["reviewer-independent"].who == ("dora",)


@pytest.mark.parametrize("who", ["anton", "qa-1", "rm-1", "admin-1", "ci-1"])
def test_reviewers_review(who: str) -> None:
    in_stage().refuse(who, approve(), "role-held")


@pytest.mark.parametrize("base", [None, "4.10.0"])
def test_the_changes_are_those_since_what_production_runs(base: str | None) -> None:
    outcome = lacks(in_stage().refuse("reviewer-1", approve(base)).decision)
    assert set(outcome) == {"review-base-current"}


def test_before_the_first_release_all_changes_are_reviewed() -> None:
    story = in_stage(empty_production())
    story.refuse("reviewer-1", approve(), "review-base-current")
    story.do("reviewer-1", approve(None))


def test_a_review_belongs_to_a_deploy_in_stage() -> None:
    story = running().develop(R).to_tests(R).to_sandbox(R)
    outcome = lacks(story.refuse("reviewer-1", approve()).decision)
    assert set(outcome) == {"release-present", "rehearsal-begun"}
    assert outcome["rehearsal-begun"].next == f"dt deploy {R} {STAGE}"


def test_a_new_deploy_to_stage_needs_a_new_review() -> None:
    story = rehearsed()
    story.deploy(R, STAGE)
    assert "code-reviewed" in lacks(story.gate(R, PRODUCTION))


def test_the_latest_verdict_wins() -> None:
    story = rehearsed()
    story.do("reviewer-1", REJECT)
    assert lacks(story.gate(R, PRODUCTION))["code-reviewed"].observed == "rejected by reviewer-1"
    story.do("reviewer-1", approve())
    assert "code-reviewed" not in lacks(story.gate(R, PRODUCTION))


def test_who_gave_it_takes_it_back_or_a_release_manager() -> None:
    story = rehearsed()
    story.both("admin-1", "admin-2", GrantRole(principal="dora", role="reviewer"))
    story.refuse("dora", WITHDRAW, "verdict-own")
    story.do("rm-1", WITHDRAW)
    assert lacks(story.gate(R, PRODUCTION))["code-reviewed"].state == "needed"


def test_a_release_without_content_is_not_reviewed() -> None:
    story = running()
    story.do("anton", OpenRelease(name=R, kind="normal", title=R))
    with pytest.raises(InvalidCommand, match="has no content"):
        story.ask("reviewer-1", approve())


@pytest.mark.parametrize("command", [approve(), REJECT, WITHDRAW])
def test_the_second_time_changes_nothing(command: object) -> None:
    story = rehearsed()
    story.do("reviewer-1", command)
    assert not story.do("reviewer-1", command).facts
