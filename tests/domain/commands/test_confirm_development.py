"""ConfirmDevelopment: the owner, where the release is, on exactly what is there."""

from __future__ import annotations

from datetime import timedelta

import pytest

from interlock.domain.commands.governance import AssignOwner
from interlock.domain.commands.release import ConfirmDevelopment
from tests.domain.story import DEVELOPMENT, Story, lacks, running

R = "4.12.0"
CONFIRM = ConfirmDevelopment(release=R)


def there() -> Story:
    story = running().develop(R)
    story.do("anton", story.content(R, salt="2"))
    story.deploy(R, DEVELOPMENT)
    return story


def test_the_owner_confirms_what_is_in_his_sandbox() -> None:
    story = there()
    story.do("anton", CONFIRM)
    assert story.event("DevelopmentConfirmed").content_digest == story.situation.releases[R].content.digest  # type: ignore[union-attr]


def test_nobody_confirms_in_the_owner_s_place() -> None:
    story = there()
    outcome = lacks(story.refuse("dora", CONFIRM, "owner-only").decision)["owner-only"]
    assert (outcome.state, outcome.who) == ("needed", ("anton",))


def test_a_deputy_is_the_owner_until_his_end_date_and_the_owner_is_none_meanwhile() -> None:
    story = there()
    until = story.now + timedelta(days=2)
    story.both("admin-1", "admin-2", AssignOwner(environment=DEVELOPMENT, principal="dora", until=until))
    story.refuse("anton", CONFIRM, "owner-only")
    story.do("dora", CONFIRM)
    story.do("anton", story.content(R, salt="3"))
    story.refuse("anton", CONFIRM, "owner-only")
    story.at(until)
    story.deploy(R, DEVELOPMENT)
    story.refuse("dora", CONFIRM, "owner-only")
    story.do("anton", CONFIRM)


def test_what_is_not_there_is_not_confirmed() -> None:
    story = there()
    story.develop("4.13.0")
    refused = story.refuse("anton", CONFIRM, "release-present")
    assert lacks(refused.decision)["release-present"].next == f"dt deploy {R} {DEVELOPMENT}"


def test_an_older_content_in_the_sandbox_is_not_confirmed_as_the_new_one() -> None:
    story = there()
    story.do("anton", story.content(R, salt="3"))
    story.refuse("anton", CONFIRM, "release-present")


def test_nothing_is_confirmed_while_a_deploy_runs_there() -> None:
    story = there()
    story.start(R, DEVELOPMENT)
    story.refuse("anton", CONFIRM, "release-present")


@pytest.mark.parametrize("left", ["partial", "other"])
def test_nothing_is_confirmed_in_an_unsure_sandbox(left: str) -> None:
    story = there()
    story.start(R, DEVELOPMENT)
    story.fail(R, DEVELOPMENT, left)
    story.refuse("anton", CONFIRM, "release-present")


def test_confirming_it_again_changes_nothing() -> None:
    story = there()
    story.do("anton", CONFIRM)
    assert not story.do("anton", CONFIRM).facts
