"""A report counts only from the holder of the lease of exactly that activity."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from interlock.domain.commands.environment import ReportMigrated, ReportRestored
from interlock.domain.commands.evidence import StartTestRun
from interlock.domain.decide import Refused
from interlock.events.catalogue.parts import AppliedMigration
from tests.domain import examples, given
from tests.domain.examples import EXAMPLES
from tests.domain.given import STAGE, TESTS
from tests.domain.story import digest


def test_a_restore_is_not_reported_as_a_migration() -> None:
    story, restore = examples.restoring()
    content = story.situation.releases["4.12.0"].content
    assert content is not None
    ran = tuple(AppliedMigration(id=m.id, digest=m.digest, duration_ms=1) for m in content.migrations)
    story.refuse(
        "ci-1",
        ReportMigrated(
            release="4.12.0",
            environment=STAGE,
            migration=restore,
            fencing_token=given.token(story, STAGE),
            migrations=ran,
            schema_before=digest("a"),
            schema_after=digest("b"),
        ),
        "lease-held",
    )


def test_a_migration_is_not_reported_as_a_restore() -> None:
    story, migration = examples.migrating()
    story.refuse(
        "ci-1",
        ReportRestored(
            environment=STAGE,
            restore=migration,
            fencing_token=given.token(story, STAGE),
            snapshot="dump",
            taken_at=story.now,
        ),
        "lease-held",
    )


@pytest.mark.parametrize("word", ["L-1", "deploy", "S-9", "production", "from"])
def test_no_other_word_of_the_lease_is_the_activity(word) -> None:
    story, _ = examples.restoring()
    story.refuse(
        "ci-1",
        ReportRestored(
            environment=STAGE,
            restore=word,
            fencing_token=given.token(story, STAGE),
            snapshot="dump",
            taken_at=story.now,
        ),
        "lease-held",
    )


def test_a_deploy_is_not_reported_as_a_test_run() -> None:
    story, _, command = EXAMPLES["ReportDeploySucceeded"]()
    _, _, report = EXAMPLES["ReportTestRun"]()
    story.refuse("ci-1", replace(report, run=command.deploy, fencing_token=command.fencing_token), "lease-held")


def test_a_late_test_verdict_is_refused_by_its_token() -> None:
    story, who, command = EXAMPLES["ReportTestRun"]()
    story.tick(minutes=15)
    story.refuse(who, command, "lease-held")
    story.do("ci-1", StartTestRun(environment=TESTS, trigger="manual", observed=story.observed(TESTS)))
    story.refuse(who, command, "lease-held")
    assert story.situation.releases["4.12.0"].tests is None


@pytest.mark.parametrize(
    "name",
    [
        "ReportDeploySucceeded",
        "ReportDeployFailed",
        "ReportRestored",
        "ReportRestoreFailed",
        "ReportMigrated",
        "ReportMigrationFailed",
    ],
)
@pytest.mark.parametrize("noticed", [True, False])
def test_a_late_report_of_anything_else_happened_and_proves_nothing(name, noticed) -> None:
    story, who, command = EXAMPLES[name]()
    place = TESTS if "Deploy" in name else STAGE
    story.now += timedelta(minutes=15)
    if noticed:
        story.watch()
    before = len(story.events)
    story.do(who, command)
    happened = story.types(before)
    assert happened[-3:] == ["FactObserved", "EnvironmentUnsure", "ProblemReported"]
    assert ("LeaseExpired" in happened) is not noticed
    assert story.situation.environment(place).unsure is not None
    again = story.ask(who, command)
    assert not isinstance(again, Refused)
    assert not again.facts


def test_a_fencing_token_is_never_given_twice() -> None:
    story, _ = examples.testing()
    tokens = [given.token(story, TESTS)]
    for _ in range(3):
        story.tick(minutes=15)
        story.do("ci-1", StartTestRun(environment=TESTS, trigger="manual", observed=story.observed(TESTS)))
        tokens.append(given.token(story, TESTS))
    assert tokens == sorted(set(tokens))
