"""Deciding about an environment's data: restores, erasing, corruption, feeds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from interlock.domain import gates
from interlock.domain.commands.environment import (
    MarkDataClean,
    MarkDataCorrupt,
    ReportErased,
    ReportRestored,
    ReportRestoreFailed,
    SetDataFeed,
    StartRestore,
)
from interlock.domain.decide.aftermath import observed_late
from interlock.domain.decide.case import Case, New, Ruled
from interlock.domain.decide.environment import stream_of
from interlock.domain.decide.leases import granted, released
from interlock.domain.errors import InvalidCommand
from interlock.domain.policy import HandReport
from interlock.domain.situation import Environment, Lease, Release
from interlock.events.catalogue import environment as happened_there
from interlock.events.decision import CheckOutcome, Decision
from interlock.events.values import LeaseKind

ERASABLE = ("development", "tests", "manual-qa")


def _occupant(case: Case, place: Environment) -> Release | None:
    return case.situation.releases.get(place.occupant.release) if place.occupant is not None else None


def start_restore(case: Case, command: StartRestore) -> Ruled:
    """The environment is held while data from another one is put into it."""
    place = case.place(command.environment)
    # Scratch is for rehearsals too, but of no release.
    rehearses = place.name == case.policy.named("rehearsal")
    release = _occupant(case, place)
    work = place.unsure.retriable if place.unsure is not None else None
    retries = work is not None and (work.kind, work.source) == ("restore", command.source)
    if retries and work is not None and place.unsure is not None and release is None:
        release = case.situation.releases.get(work.release or "")
    asked = case.asked(
        place.name,
        release,
        source=command.source,
        observed=command.observed,
        starting=True,
        hand="restore",
        attempt=work if retries else None,
    )
    # A retry finds the release that was there before; who it is cannot be asked while it is unsure.
    names = gates.RESTORE_FOR_REHEARSAL if rehearses and not retries else gates.RESTORE
    subject = f"restore {case.new_id('S')} from {command.source}"
    return case.ruled(
        f"restore {place.name} from {command.source}",
        stream_of(place.name),
        ("reported-by-runner", *names),
        asked,
        lambda _: (granted(case, place, "restore", subject, command.observed, release.name if release else None),),
    )


def _lease_of(place: Environment, kind: LeaseKind, identifier: str) -> Lease | None:
    lease = place.lease
    return lease if lease is not None and lease.activity == f"{kind} {identifier}" else None


def late_report(
    case: Case,
    place: Environment,
    kind: Literal["restore", "migration"],
    identifier: str,
    said: Literal["done", "failed"],
    happened_at: datetime | None,
    release: Release | None = None,
) -> Ruled | None:
    """What follows from a report whose lease is over; None where it comes in time."""
    lease = _lease_of(place, kind, identifier)
    in_time = identifier not in place.lost if lease is None else case.now < lease.expires_at
    if in_time:
        return None
    of = f" of {release.name}" if release is not None else ""
    description = f"{identifier}{of} was reported as {said} after its lease was over"
    return observed_late(case, place, kind, identifier, description, None, happened_at)


def report(
    case: Case,
    place: Environment,
    identifier: str,
    token: int,
    hand: HandReport,
    action: str,
    effect: object,
    extra: tuple[CheckOutcome, ...] = (),
    release: Release | None = None,
) -> Ruled:
    """A report by who holds the lease of that restore, migration or erasing."""
    asked = case.asked(
        place.name, release or _occupant(case, place), token=token, lease=f"{hand} {identifier}", hand=hand
    )
    return case.ruled(action, stream_of(place.name), ("reported-by-runner", "lease-held"), asked, effect, extra=extra)  # type: ignore[arg-type]


def report_restored(case: Case, command: ReportRestored) -> Ruled:
    """The data is there; after the lease it is something that happened, not a restore to rehearse on."""
    place = case.place(command.environment)
    action = f"report {command.restore} restored"
    if f"{command.restore} restored" in place.finished:
        return case.unchanged(action, stream_of(place.name))
    if command.taken_at > case.now:
        raise InvalidCommand("taken_at", "lies in the future")
    late = late_report(case, place, "restore", command.restore, "done", command.happened_at)
    if late is not None:
        return late
    lease = _lease_of(place, "restore", command.restore)

    def effect(_: Decision) -> Iterator[New]:
        assert lease is not None
        yield New(
            stream=stream_of(place.name),
            event=happened_there.DataRestored(
                environment=place.name,
                restore=command.restore,
                source=lease.work.source or "",
                taken_at=command.taken_at,
                snapshot=command.snapshot,
                source_release=command.source_release,
                schema_digest=command.schema_digest,
                report=command.report,
                masked=command.masked,
            ),
            occurred_at=case.past(command.happened_at),
        )
        yield released(place)

    return report(case, place, command.restore, command.fencing_token, "restore", action, effect)


def report_restore_failed(case: Case, command: ReportRestoreFailed) -> Ruled:
    """What the restore left is no base for a rehearsal."""
    place = case.place(command.environment)
    action = f"report {command.restore} failed"
    if f"{command.restore} failed" in place.finished:
        return case.unchanged(action, stream_of(place.name))
    late = late_report(case, place, "restore", command.restore, "failed", command.happened_at)
    if late is not None:
        return late
    lease = _lease_of(place, "restore", command.restore)

    def effect(_: Decision) -> Iterator[New]:
        assert lease is not None
        yield New(
            stream=stream_of(place.name),
            event=happened_there.DataRestoreFailed(
                environment=place.name, restore=command.restore, source=lease.work.source or "", error=command.error
            ),
            occurred_at=case.past(command.happened_at),
        )
        yield released(place)

    return report(case, place, command.restore, command.fencing_token, "restore", action, effect)


def report_erased(case: Case, command: ReportErased) -> Ruled:
    """A test run erases under its own lease; elsewhere nothing may run meanwhile. Never what is real or rehearsed."""
    place = case.environment(command.environment)
    rule = case.policy.environment(place.name)
    action, subject = f"erase the data of {place.name}", stream_of(place.name)
    erasable = rule is not None and rule.purpose in ERASABLE
    extra = CheckOutcome(
        check="erase-allowed",
        state="passed" if erasable else "failed",
        required="an environment for development, tests or manual QA",
        observed=rule.purpose if rule else "unknown",
    )
    asked = case.asked(
        place.name,
        _occupant(case, place),
        observed=command.observed,
        starting=True,
        token=command.fencing_token,
        hand="erase",
    )
    held = place.name == case.policy.named("tests") or command.fencing_token is not None
    names = ("reported-by-runner", "environment-identified", "lease-held" if held else "environment-free")
    if place.data.erased_at is not None and place.lease is not None and place.data.erased_at > place.lease.position:
        return case.unchanged(action, subject)
    if not held and place.data.erased and place.data.restored is None and place.data.corrupt is None:
        return case.unchanged(action, subject)
    event = happened_there.DataErased(environment=place.name, cause=command.cause)
    return case.ruled(action, subject, names, asked, lambda _: (New(stream=subject, event=event),), extra=[extra])


def mark_corrupt(case: Case, command: MarkDataCorrupt) -> Ruled:
    """The data is not to be trusted: what was rehearsed on it is void."""
    place = case.place(command.environment)
    action, subject = f"mark the data of {place.name} as corrupt", stream_of(place.name)
    if place.data.corrupt is not None:
        return case.unchanged(action, subject)
    event = happened_there.DataMarkedCorrupt(environment=place.name, reason=command.reason)
    return case.ruled(action, subject, (), None, lambda _: (New(stream=subject, event=event),))


def mark_clean(case: Case, command: MarkDataClean) -> Ruled:
    """The mark is taken off; what it voided stays void."""
    place = case.place(command.environment)
    action, subject = f"mark the data of {place.name} as clean", stream_of(place.name)
    if place.data.corrupt is None:
        return case.unchanged(action, subject)
    event = happened_there.DataMarkedClean(environment=place.name, reason=command.reason)
    return case.ruled(action, subject, (), None, lambda _: (New(stream=subject, event=event),))


def set_feed(case: Case, command: SetDataFeed) -> Ruled:
    """Where the environment's market data comes from."""
    place = case.environment(command.environment)
    action, subject = f"set the feed of {place.name}", stream_of(place.name)
    if place.data.feed == command.feed and place.data.volume_percent == command.volume_percent:
        return case.unchanged(action, subject)
    event = happened_there.DataFeedSet(environment=place.name, feed=command.feed, volume_percent=command.volume_percent)
    return case.ruled(action, subject, (), None, lambda _: (New(stream=subject, event=event),))
