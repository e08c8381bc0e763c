"""BaselineEnvironment: what production ran before its first release."""

from __future__ import annotations

import pytest

from interlock.domain.commands.environment import BaselineEnvironment
from interlock.domain.errors import InvalidCommand
from interlock.events.catalogue.environment import EnvironmentBaselined
from tests.domain import given
from tests.domain.examples import EXAMPLES
from tests.domain.given import PRODUCTION, STAGE
from tests.domain.story import SATURDAY_09, digest


def test_it_takes_two_persons_and_names_both() -> None:
    story, who, command = EXAMPLES["BaselineEnvironment"]()
    assert [type(new.event).__name__ for new in story.do(who, command).facts] == ["SecondPersonAsked"]
    story.both("rm-1", "admin-2", command)
    event: EnvironmentBaselined = story.event("EnvironmentBaselined")
    assert (event.asked_by, event.confirmed_by) == ("rm-1", "admin-2")


def test_it_is_declared_once() -> None:
    story = given.running()
    story.refuse("admin-1", BaselineEnvironment(environment=PRODUCTION, empty=True), "base-undeclared")


def test_it_is_not_declared_after_the_first_release() -> None:
    story = given.released()
    story.refuse("admin-1", BaselineEnvironment(environment=PRODUCTION, empty=True), "base-undeclared")


def test_only_production_has_a_base() -> None:
    with pytest.raises(InvalidCommand, match="only production"):
        given.team().do("admin-1", BaselineEnvironment(environment=STAGE, empty=True))


@pytest.mark.parametrize("fields", [{}, {"empty": True, "release": "4.11.0", "content_digest": digest("x")}])
def test_it_is_empty_or_a_content_and_never_both(fields) -> None:
    with pytest.raises(InvalidCommand, match="either empty"):
        given.team().do("admin-1", BaselineEnvironment(environment=PRODUCTION, **fields))


def test_no_release_reaches_production_before_somebody_said_what_runs_there() -> None:
    story = given.team()
    story.develop("4.12.0").to_tests("4.12.0").to_sandbox("4.12.0")
    story.at(SATURDAY_09)
    assert "includes-production" in {o.check for o in story.gate("4.12.0", PRODUCTION).missing}


def test_with_empty_restore_ancestry_and_log_watch_are_not_applicable_and_nothing_else() -> None:
    story = given.empty().prepared("1.0.0")
    story.at(SATURDAY_09)
    decision = story.gate("1.0.0", PRODUCTION)
    assert decision.allowed
    spared = {o.check for o in decision.checks if o.state == "not_applicable"}
    assert spared == {
        "production-data-restored", "includes-production", "log-watch-current", "new-tests-named", "new-tests-ran",
        "problem-linked", "hotfix-confirmed",
    }  # fmt: skip


def test_a_content_that_was_declared_is_what_production_runs() -> None:
    occupant = given.running().situation.environment(PRODUCTION).occupant
    assert occupant is not None
    assert (occupant.release, occupant.content, occupant.deployable) == ("4.11.0", digest("4.11.0"), True)
