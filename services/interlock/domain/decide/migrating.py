"""Deciding about migrations: rehearsed on restored data, reported by id and digest."""

from __future__ import annotations

from collections.abc import Iterator

from interlock.domain import gates
from interlock.domain.commands.environment import (
    ReportMigrated,
    ReportMigrationFailed,
    StartMigration,
)
from interlock.domain.decide.case import Case, New, Ruled
from interlock.domain.decide.data import late_report, report
from interlock.domain.decide.leases import granted, released
from interlock.domain.errors import InvalidCommand
from interlock.domain.situation import Environment, Release
from interlock.events.catalogue import release as happened
from interlock.events.catalogue.parts import AppliedMigration
from interlock.events.decision import CheckOutcome, Decision


def start_migration(case: Case, command: StartMigration) -> Ruled:
    """The release's migrations are rehearsed on data that was restored after this deploy."""
    release, place = case.release(command.release), case.environment(command.environment)
    _check_rehearses(case, place)
    asked = case.asked(place.name, release, observed=command.observed, starting=True, hand="migration")
    subject = f"migration {case.new_id('M')}"
    return case.ruled(
        f"migrate {place.name} for {release.name}",
        f"release/{release.name}",
        ("reported-by-runner", *gates.MIGRATION),
        asked,
        lambda _: (granted(case, place, "migration", subject, command.observed, release.name),),
    )


def _check_rehearses(case: Case, place: Environment) -> None:
    if place.name != case.policy.named("rehearsal"):
        raise InvalidCommand("environment", f"migrations are rehearsed in {case.policy.named('rehearsal')}")


def report_migrated(case: Case, command: ReportMigrated) -> Ruled:
    """Exactly the release's migrations ran, by id and digest."""
    release, place = case.release(command.release), case.environment(command.environment)
    action, subject = f"report {command.migration} migrated", f"release/{release.name}"
    if f"{command.migration} migrated" in place.finished:
        return case.unchanged(action, subject)
    late = late_report(case, place, "migration", command.migration, "done", command.happened_at, release)
    if late is not None:
        return late
    rehearsal, running = place.rehearsal, case.situation.environment(case.policy.production).last_sure
    _check_subject(place, release)

    def effect(_: Decision) -> Iterator[New]:
        if rehearsal is not None:
            yield New(
                stream=subject,
                event=happened.StageMigrated(
                    content_digest=rehearsal.content,
                    deploy=rehearsal.deploy,
                    migration=command.migration,
                    migrations=command.migrations,
                    schema_before=command.schema_before,
                    schema_after=command.schema_after,
                    restore=rehearsal.restore.restore if rehearsal.restore is not None else None,
                    base_release=running.release if running is not None else None,
                    report=command.report,
                ),
                occurred_at=case.past(command.happened_at),
            )
        yield released(place)

    extra = (_complete(place, release, command.migrations),)
    return report(case, place, command.migration, command.fencing_token, "migration", action, effect, extra, release)


def _check_subject(place: Environment, release: Release) -> None:
    """A migration is reported of the release that it was started for. Raises InvalidCommand."""
    lease = place.lease
    if lease is not None and lease.kind == "migration" and lease.work.release != release.name:
        raise InvalidCommand("release", f"{lease.activity} is one of {lease.work.release}")


def _complete(place: Environment, release: Release, ran: tuple[AppliedMigration, ...]) -> CheckOutcome:
    # Those of the content that is in stage, also when the release has a newer one by now.
    there = place.occupant.migrations if place.occupant is not None else ()
    content = release.content
    if content is not None and place.occupant is not None and place.occupant.content == content.digest:
        # What was over when it was deployed here was in no situation that the deploy could take them from.
        there = content.migrations
    wanted = {(m.id, m.digest) for m in there}
    found = {(m.id, m.digest) for m in ran}
    different = sorted(name for name, _ in wanted ^ found)
    return CheckOutcome(
        check="migrations-complete",
        state="failed" if different or place.occupant is None else "passed",
        required="exactly the release's migrations, by id and digest",
        observed=f"different: {', '.join(different[:5])}" if different else f"{len(wanted)} of {len(wanted)}",
    )


def report_migration_failed(case: Case, command: ReportMigrationFailed) -> Ruled:
    """The restore that they ran on is void with them."""
    release, place = case.release(command.release), case.environment(command.environment)
    action, subject = f"report {command.migration} failed", f"release/{release.name}"
    if f"{command.migration} failed" in place.finished:
        return case.unchanged(action, subject)
    late = late_report(case, place, "migration", command.migration, "failed", command.happened_at, release)
    if late is not None:
        return late
    rehearsal = place.rehearsal
    _check_subject(place, release)

    def effect(_: Decision) -> Iterator[New]:
        if rehearsal is not None:
            restore = rehearsal.restore.restore if rehearsal.restore is not None else None
            yield New(
                stream=subject,
                event=happened.StageMigrationFailed(
                    content_digest=rehearsal.content,
                    deploy=rehearsal.deploy,
                    migration=command.migration,
                    error=command.error,
                    failed_migration=command.failed_migration,
                    restore=restore,
                    report=command.report,
                ),
                occurred_at=case.past(command.happened_at),
            )
            if restore is not None:
                yield New(
                    stream=subject,
                    event=happened.EvidenceInvalidated(
                        evidence=(f"DataRestored {place.name}",), cause=f"{command.migration} failed on it"
                    ),
                )
        yield released(place)

    return report(case, place, command.migration, command.fencing_token, "migration", action, effect, (), release)
