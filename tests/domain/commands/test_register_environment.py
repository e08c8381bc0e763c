"""RegisterEnvironment: which server and database an environment is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from interlock.domain.commands.environment import RegisterEnvironment
from interlock.domain.errors import InvalidCommand, NotFound
from interlock.events.catalogue.parts import Identity
from tests.domain import given
from tests.domain.given import PRODUCTION, SANDBOX, STAGE, TESTS
from tests.domain.story import identity

MOVED = Identity(system_identifier="99", database="moved")


def test_two_environments_are_two_databases() -> None:
    with pytest.raises(InvalidCommand, match="production is registered"):
        given.team().do("admin-1", RegisterEnvironment(environment=STAGE, identity=identity(PRODUCTION)))


def test_an_environment_that_the_policy_does_not_name_is_none() -> None:
    with pytest.raises(NotFound):
        given.team().do("admin-1", RegisterEnvironment(environment="staging", identity=MOVED))


def test_it_is_not_registered_anew_while_something_runs_there() -> None:
    story = given.developed()
    story.start("4.12.0", TESTS)
    story.refuse("admin-1", RegisterEnvironment(environment=TESTS, identity=MOVED), "environment-free")


def test_a_re_pointed_environment_is_unsure_until_somebody_says_what_is_there() -> None:
    story = given.in_sandbox()
    story.do("admin-1", RegisterEnvironment(environment=SANDBOX, identity=MOVED))
    assert story.types()[-2:] == ["EnvironmentRegistered", "EnvironmentUnsure"]
    assert story.situation.environment(SANDBOX).occupant is None


def test_an_unused_environment_is_re_pointed_without_a_question() -> None:
    story = given.team()
    story.do("admin-1", RegisterEnvironment(environment=SANDBOX, identity=MOVED))
    assert story.situation.environment(SANDBOX).unsure is None


def test_another_address_of_the_same_database_changes_nothing_else() -> None:
    story = given.in_sandbox()
    elsewhere = replace(identity(SANDBOX), address="10.0.0.9:5432")
    story.do("admin-1", RegisterEnvironment(environment=SANDBOX, identity=elsewhere))
    assert story.situation.environment(SANDBOX).occupant is not None
