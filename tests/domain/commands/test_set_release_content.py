"""SetReleaseContent: evidence is bound to the content, and content is frozen while it goes."""

from __future__ import annotations

import pytest

from interlock.domain.commands.deploy import RequestDeploy
from interlock.domain.commands.evidence import ApproveManualQA
from interlock.domain.commands.governance import DeactivatePrincipal
from interlock.domain.commands.release import WithdrawRelease
from interlock.domain.errors import InvalidCommand
from interlock.events.catalogue.parts import Artifact, Commit, Migration
from interlock.runners.repositories.authors import Author, People
from tests.domain.story import (
    MONDAY,
    PRODUCTION,
    SANDBOX,
    SATURDAY_09,
    TESTS,
    Story,
    digest,
    lacks,
    rehearsed,
    running,
)

R = "4.12.0"
INTO_PRODUCTION = ("4.11.0",)


def again(story: Story, **more: object) -> object:
    """The content that 4.12.0 has in stage, but for what is named."""
    return story.content(R, **({"contains": INTO_PRODUCTION} | more))


def test_new_content_voids_all_evidence_and_says_which() -> None:
    story = rehearsed()
    story.do("anton", again(story, salt="2"))
    void = story.event("EvidenceInvalidated")
    assert void.cause == "new content"
    assert set(void.evidence) == {
        "DevelopmentConfirmed",
        "TestsPassed tests",
        "ManualQAApproved sandbox",
        "CodeReviewApproved stage",
        "StageMigrated stage",
        "ManualQAApproved stage",
    }
    lacking = lacks(story.gate(R, PRODUCTION))
    assert {
        "environment-order",
        "development-confirmed",
        "tests-passed",
        "manual-qa-approved",
        "release-present",
        "code-reviewed",
        "production-data-restored",
        "migrations-passed",
        "rehearsal-current",
        "core-areas-approved",
    } <= set(lacking)


def test_going_back_to_the_old_content_brings_no_evidence_back() -> None:
    story = rehearsed()
    story.do("anton", again(story, salt="2"))
    story.do("anton", again(story))
    lacking = lacks(story.gate(R, PRODUCTION))
    assert {
        "environment-order",
        "development-confirmed",
        "tests-passed",
        "manual-qa-approved",
        "code-reviewed",
        "production-data-restored",
        "migrations-passed",
        "rehearsal-current",
        "core-areas-approved",
    } <= set(lacking)


def test_new_content_cancels_a_queued_deploy() -> None:
    story = rehearsed()
    story.do("anton", RequestDeploy(release=R, environment=PRODUCTION, at_window=True))
    story.do("anton", again(story, salt="2"))
    assert story.types()[-3:] == ["ReleaseContentSet", "EvidenceInvalidated", "DeployCancelled"]
    assert not story.situation.requests


def test_another_description_of_the_same_content_voids_only_what_persons_confirmed_of_it() -> None:
    story = rehearsed()
    problem = story.problem()
    story.do("anton", again(story, fixes=(problem,)))
    assert story.event("EvidenceInvalidated").evidence == ("DevelopmentConfirmed",)
    story.at(SATURDAY_09).check_logs()
    assert set(lacks(story.gate(R, PRODUCTION))) == {"development-confirmed"}


def test_the_same_commits_take_in_no_other_release() -> None:
    story = rehearsed()
    with pytest.raises(InvalidCommand, match=r"4\.11\.1"):
        story.ask("anton", again(story, contains=("4.11.0", "4.11.1")))


def test_who_wrote_a_commit_once_stays_its_author() -> None:
    story = running().develop(R, author="qa-1").to_tests(R)
    story.do("anton", story.content(R, author="anton"))
    story.confirm(R)
    story.deploy(R, SANDBOX)
    story.refuse("qa-1", ApproveManualQA(release=R, environment=SANDBOX), "approver-independent")


def test_an_author_is_somebody_or_marked_as_somebody_outside() -> None:
    story = running().develop(R)
    for nobody in ("Anton Q. <anton@home.example>", "anton@home.example", "git:anton", f"git:{'A' * 16}"):
        refused = story.refuse("anton", story.content(R, salt="2", author=nobody), "authors-known")
        assert f"nobody is {nobody}" in str(lacks(refused.decision)["authors-known"].observed)
    mark = People((), {}).recorded(Author("Max Muster", "max@example.org"))
    answer = story.do("anton", story.content(R, salt="2", author=mark))
    assert story.situation.releases[R].authors == {"anton", mark}
    [known] = [check for check in answer.decision.checks if check.check == "authors-known"]
    assert known.observed == "0 registered, 1 outside"
    # Whoever has left since still wrote what he wrote.
    story.do("admin-1", DeactivatePrincipal(principal="dora", reason="she left"))
    story.do("anton", story.content(R, salt="3", author="dora"))


def test_who_sets_content_is_an_author_from_then_on() -> None:
    story = running().develop(R)
    story.do("dora", story.content(R, salt="2"))
    story.do("anton", story.content(R, salt="3"))
    assert story.situation.releases[R].authors == {"anton", "dora"}


def test_content_is_frozen_while_a_deploy_runs() -> None:
    story = running().develop(R)
    story.start(R, TESTS)
    story.refuse("anton", story.content(R, salt="2"), "content-unfrozen")
    story.finish(R, TESTS)
    story.do("anton", story.content(R, salt="2"))


@pytest.mark.parametrize("left", ["partial", "unknown", "unchanged"])
def test_content_is_frozen_for_good_from_the_first_start_in_production_unless_that_left_it_unchanged(left: str) -> None:
    story = rehearsed().at(SATURDAY_09).check_logs()
    story.start(R, PRODUCTION)
    story.refuse("anton", again(story, salt="2"), "content-unfrozen")
    story.fail(R, PRODUCTION, left)
    if left == "unchanged":
        story.do("anton", again(story, salt="2"))
    else:
        refused = story.refuse("anton", again(story, salt="2"), "content-unfrozen")
        assert lacks(refused.decision)["content-unfrozen"].next == "dt release new"


def test_a_release_that_is_over_gets_no_new_content() -> None:
    story = running().released(R)
    story.refuse("anton", story.content(R, salt="2"), "release-unfinished")
    story.develop("4.13.0")
    story.do("anton", WithdrawRelease(release="4.13.0", reason="not wanted"))
    story.refuse("anton", story.content("4.13.0", salt="2"), "release-unfinished", "release-open")


def test_setting_it_again_changes_nothing() -> None:
    story = rehearsed()
    assert not story.do("anton", again(story)).facts


def test_the_digest_is_of_artifacts_commits_and_migrations() -> None:
    digests = set()
    for more in (
        {},
        {"artifacts": (Artifact(purl="pkg:oci/trading@x", digest=digest("other")),)},
        {"commits": (Commit(repository="trading", sha="b" * 40, author="anton", time=MONDAY),)},
        {"migrations": ()},
        {"migrations": (Migration(id="4.12.0-1", digest=digest("4.12.0-1"), backward_compatible=False),)},
    ):
        story = running().develop(R, **more)
        content = story.situation.releases[R].content
        assert content is not None
        digests.add(content.digest)
    assert len(digests) == 5


@pytest.mark.parametrize(
    "field, more",
    [
        ("artifacts", {"artifacts": (), "commits": ()}),
        ("contains", {"contains": (R,)}),
        (
            "migrations",
            {
                "migrations": (
                    Migration(id="m", digest=digest("1"), backward_compatible=True),
                    Migration(id="m", digest=digest("2"), backward_compatible=True),
                )
            },
        ),
    ],
)
def test_a_content_that_contradicts_itself_is_no_content(field: str, more: dict[str, object]) -> None:
    story = running().develop(R)
    with pytest.raises(InvalidCommand, match=field):
        story.ask("anton", story.content(R, **more))
