"""What an environment's own events do to its data: erased, restored, corrupt, fed."""

from __future__ import annotations

from typing import Any

from interlock.domain.evolve.deploy import reported, still_known
from interlock.domain.situation import Environment, Restore
from interlock.events.catalogue import environment as happened
from interlock.events.envelope import Recorded
from interlock.events.fact import replace


def without_restore(environment: Environment) -> Environment:
    """The restored data is no base any more, nor is what was rehearsed on it."""
    rehearsal = environment.rehearsal
    if rehearsal is not None:
        rehearsal = replace(rehearsal, restore=None, migration=None, core=None)
    return replace(environment, rehearsal=rehearsal, data=replace(environment.data, restored=None))


def on_data(environment: Environment, recorded: Recorded[Any]) -> Environment | None:
    """Apply an event about its data; None where it is about something else."""
    match recorded.event:
        case happened.DataErased():
            cleared = without_restore(environment)
            return replace(cleared, data=replace(cleared.data, erased_at=recorded.position, erased=True, corrupt=None))
        case happened.DataRestored() as event:
            return _restored(environment, recorded, event)
        case happened.DataRestoreFailed(restore=restore):
            failed = replace(environment, finished=reported(environment, f"{restore} failed"))
            return without_restore(failed)
        case happened.DataMarkedCorrupt(reason=reason):
            # Corruption voids what was rehearsed on the data, not the review that came before it.
            cleared = without_restore(environment)
            return replace(cleared, data=replace(cleared.data, corrupt=reason))
        case happened.DataMarkedClean():
            return replace(environment, data=replace(environment.data, corrupt=None))
        case happened.DataFeedSet(feed=feed, volume_percent=volume):
            return replace(environment, data=replace(environment.data, feed=feed, volume_percent=volume))
        case happened.MigrationsApplied(schema_after=schema):
            return replace(environment, mark=replace(environment.mark, schema_digest=schema))
        case _:
            return None


def _restored(environment: Environment, recorded: Recorded[Any], event: happened.DataRestored) -> Environment:
    restore = Restore(
        restore=event.restore,
        source=event.source,
        taken_at=event.taken_at,
        position=recorded.position,
        by=recorded.actor.id,
        schema_digest=event.schema_digest,
    )
    data = replace(environment.data, restored=restore, erased=False, corrupt=None)
    rehearsal = environment.rehearsal
    if rehearsal is not None:
        rehearsal = replace(rehearsal, restore=restore, migration=None, core=None)
    finished = reported(environment, f"{event.restore} restored")
    environment = replace(environment, data=data, rehearsal=rehearsal, finished=finished)
    unsure = environment.unsure
    if unsure is not None and unsure.retriable is not None and unsure.retriable.kind == "restore":
        lease = environment.lease
        if lease is not None and lease.position > unsure.position:
            # The retry of the lost restore ends the uncertainty: the code there never changed.
            return replace(
                environment, unsure=None, occupant=unsure.occupant_before, late_reports=still_known(environment)
            )
    return environment
