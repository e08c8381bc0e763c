"""Taking an environment's lease and giving it back: the same two events for every activity."""

from __future__ import annotations

from interlock.domain.decide.case import Case, New
from interlock.domain.situation import Environment
from interlock.events.catalogue import environment as happened
from interlock.events.catalogue.parts import Observed
from interlock.events.values import LeaseKind


def granted(
    case: Case, place: Environment, kind: LeaseKind, subject: str, observed: Observed, release: str | None
) -> New:
    """The next lease, with the next fencing token; `subject` begins with the activity, as in "deploy D-3"."""
    return New(
        stream=f"environment/{place.name}",
        event=happened.LeaseGranted(
            environment=place.name,
            lease=case.new_id("L"),
            kind=kind,
            holder=case.actor.id,
            subject=subject,
            fencing_token=place.token + 1,
            expires_at=case.now + case.policy.lease,
            observed=observed,
            release=release,
        ),
    )


def released(place: Environment) -> New:
    """The activity is over; only for an effect whose checks found the lease held."""
    assert place.lease is not None
    event = happened.LeaseReleased(environment=place.name, lease=place.lease.lease)
    return New(stream=f"environment/{place.name}", event=event)
