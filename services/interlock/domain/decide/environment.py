"""Deciding about environments: identity, base, what is there, leases, logs, freezes."""

from __future__ import annotations

from collections.abc import Iterator

from interlock.domain.commands.environment import (
    BaselineEnvironment,
    BreakLease,
    FreezeEnvironment,
    ObserveFact,
    RegisterEnvironment,
    RenewLease,
    StateContent,
    UnfreezeEnvironment,
)
from interlock.domain.decide.aftermath import Source, lease_lost, new_problem
from interlock.domain.decide.case import Case, New, Ruled
from interlock.domain.errors import InvalidCommand, NotFound
from interlock.domain.evolve.environment import fingerprint
from interlock.domain.situation import Environment
from interlock.events.catalogue import environment as happened
from interlock.events.decision import CheckOutcome, Decision

RENEWALS_PER_LEASE_MAX = 3


def stream_of(environment: str) -> str:
    """The stream of an environment's events."""
    return f"environment/{environment}"


def register(case: Case, command: RegisterEnvironment) -> Ruled:
    """Which server and database the environment is; not while something runs there."""
    place = case.place(command.environment)
    action, subject = f"register {place.name}", stream_of(place.name)
    if place.identity == command.identity:
        return case.unchanged(action, subject)
    for other in case.situation.environments.values():
        known = other.identity
        if (
            known is not None
            and other.name != place.name
            and (known.system_identifier, known.database)
            == (
                command.identity.system_identifier,
                command.identity.database,
            )
        ):
            raise InvalidCommand("identity", f"{other.name} is registered with this server and database")
    return case.ruled(
        action, subject, ("environment-free",), case.asked(place.name), lambda _: _registered(place, command)
    )


def _registered(place: Environment, command: RegisterEnvironment) -> Iterator[New]:
    subject, known, found = stream_of(place.name), place.identity, command.identity
    yield New(stream=subject, event=happened.EnvironmentRegistered(environment=place.name, identity=found))
    moved = known is not None and (known.system_identifier, known.database) != (found.system_identifier, found.database)
    if moved and place.last_sure is not None:
        # Re-pointed is not repaired: what the new place holds has to be said, or found out by a new start.
        cause = f"it is another server or database now: {found.database}"
        yield New(stream=subject, event=happened.EnvironmentUnsure(environment=place.name, cause=cause))


def baseline(case: Case, command: BaselineEnvironment) -> Ruled:
    """What production ran before Interlock, declared once, by two persons."""
    place = case.environment(command.environment)
    action, subject = f"declare what {place.name} runs", stream_of(place.name)
    if place.name != case.policy.production:
        raise InvalidCommand("environment", f"only {case.policy.production} has a base; elsewhere one deploys")
    if command.empty == (command.release is not None and command.content_digest is not None):
        raise InvalidCommand("empty", "say either empty, or release and content_digest")
    if not command.empty and command.schema_digest is None:
        raise InvalidCommand("schema_digest", "say which schema it has: every rehearsal is compared with it")
    based = place.based or place.last_sure is not None
    extra = CheckOutcome(
        check="base-undeclared",
        state="failed" if based else "passed",
        required="a base is declared once",
        observed="declared" if based else "not yet",
    )

    def effect(_: Decision) -> Iterator[New]:
        first, second = case.first_and_second
        yield from case.confirmation()
        yield New(
            stream=subject,
            event=happened.EnvironmentBaselined(
                environment=place.name,
                empty=command.empty,
                asked_by=first,
                confirmed_by=second,
                release=command.release,
                content_digest=command.content_digest,
                artifacts=command.artifacts,
                head=command.head,
                schema_digest=command.schema_digest,
            ),
        )

    if based:
        return case.ruled(action, subject, (), None, effect, extra=[extra])
    return case.two_persons(
        action, subject, ("environment-free", "environment-identified"), case.asked(place.name), effect
    )


def state_content(case: Case, command: StateContent) -> Ruled:
    """Two persons state what is in an unsure environment."""
    place = case.environment(command.environment)
    action, subject = f"state what is in {place.name}", stream_of(place.name)
    if (command.state == "content") != (command.release is not None and command.content_digest is not None):
        raise InvalidCommand("state", "name release and content_digest with content, and only then")
    extra = CheckOutcome(
        check="environment-unsure",
        state="passed" if place.unsure else "failed",
        required="nobody knows what is there",
        observed=place.unsure.cause if place.unsure else "it is known",
    )

    def effect(_: Decision) -> Iterator[New]:
        first, second = case.first_and_second
        yield from case.confirmation()
        yield New(
            stream=subject,
            event=happened.EnvironmentConfirmed(
                environment=place.name,
                state=command.state,
                asked_by=first,
                confirmed_by=second,
                release=command.release,
                content_digest=command.content_digest,
                schema_digest=command.schema_digest,
                reason=command.reason,
            ),
        )

    if place.unsure is None:
        return case.ruled(action, subject, (), None, effect, extra=[extra])
    return case.two_persons(
        action, subject, ("environment-free", "environment-identified"), case.asked(place.name), effect
    )


def observe(case: Case, command: ObserveFact) -> Ruled:
    """What happened around Interlock happened: it is recorded, opens a problem and leaves the environment unsure."""
    place = case.environment(command.environment)
    action, subject = f"observe a {command.kind} in {place.name}", stream_of(place.name)
    if command.happened_at is not None and command.happened_at > case.now:
        raise InvalidCommand("happened_at", "it lies in the future: say what happened when it has")
    what = (command.observed_digest or "") if command.kind == "drift" else command.description
    if fingerprint(command.kind, command.source, what) in place.late_reports and _still_open(case, command):
        return case.unchanged(action, subject)
    if command.kind == "drift":
        if command.observed_digest is None:
            raise InvalidCommand("observed_digest", "say which content was found")
        if command.observed_digest in _explained(place):
            raise InvalidCommand("observed_digest", "the record says the same: this is no drift")
    return case.ruled(action, subject, (), None, lambda _: _observed(case, place, command))


def _explained(place: Environment) -> set[str]:
    """What the record lets one find there: while a deploy runs, the content that goes and the one that comes."""
    found = {place.occupant.content} if place.occupant is not None else set()
    if place.deploy is not None:
        found.add(place.deploy.content)
        if place.deploy.before is not None:
            found.add(place.deploy.before.content)
    return found


def _still_open(case: Case, command: ObserveFact) -> bool:
    """Whether that is still looked at; an observation that leaves everything sure is, while its problem is open."""
    if command.kind != "other":
        return True
    title = command.description.partition("\n")[0][:300]
    return any(
        problem.open and (problem.environment, problem.title) == (command.environment, title)
        for problem in case.situation.problems.values()
    )


def _observed(case: Case, place: Environment, command: ObserveFact) -> Iterator[New]:
    subject, name = stream_of(place.name), case.new_id("P")
    last = place.last_sure
    release = last.release if last is not None else None
    if command.kind == "drift":
        yield New(
            stream=subject,
            event=happened.DriftDetected(
                environment=place.name,
                observed_digest=command.observed_digest or "",
                problem=name,
                source=command.source,
                release=release,
            ),
            occurred_at=command.happened_at,
        )
    else:
        yield New(
            stream=subject,
            event=happened.FactObserved(
                environment=place.name,
                kind=command.kind,
                source=command.source,
                description=command.description,
                observed_digest=command.observed_digest,
                problem=name,
            ),
            occurred_at=command.happened_at,
        )
    if command.kind != "other":
        cause = f"{command.kind} observed by {command.source}: {command.description}"
        yield New(stream=subject, event=happened.EnvironmentUnsure(environment=place.name, cause=cause[:4000]))
    source: Source = "drift" if command.kind == "drift" else "observation"
    yield new_problem(
        case, place.name, command.description.partition("\n")[0], source, release=release, reporter=case.actor.id
    )


def renew_lease(case: Case, command: RenewLease) -> Ruled:
    """A sign of life; more than three a lease are heartbeats, and no events."""
    place = case.place(command.environment)
    action, subject = f"renew {command.lease}", stream_of(place.name)
    lease = place.lease
    asked = case.asked(place.name, token=command.fencing_token, lease=command.lease)
    early = lease is not None and case.now - lease.renewed_at < case.policy.lease / RENEWALS_PER_LEASE_MAX

    def effect(_: Decision) -> Iterator[New]:
        if not early:
            yield New(
                stream=subject,
                event=happened.LeaseRenewed(
                    environment=place.name, lease=command.lease, expires_at=case.now + case.policy.lease
                ),
            )

    return case.ruled(action, subject, ("lease-held",), asked, effect)


def break_lease(case: Case, command: BreakLease) -> Ruled:
    """A release manager ends a stuck lease; its activity counts as lost."""
    place = case.place(command.environment)
    if place.lease is None or place.lease.lease != command.lease:
        raise NotFound(f"lease in {place.name}", command.lease)
    return case.ruled(
        f"break {command.lease}",
        stream_of(place.name),
        (),
        None,
        lambda _: lease_lost(case, place, expired=False, reason=command.reason),
    )


def freeze(case: Case, command: FreezeEnvironment) -> Ruled:
    """Nothing starts there, from and until as said; another freeze replaces it."""
    place = case.environment(command.environment)
    action, subject = f"freeze {place.name}", stream_of(place.name)
    if command.since is not None and command.until is not None and command.until <= command.since:
        raise InvalidCommand("until", "lies not after since")
    if command.until is not None and command.until <= case.now:
        raise InvalidCommand("until", "lies in the past")
    known = place.freeze
    if known is not None and (known.reason, known.since, known.until) == (
        command.reason,
        command.since,
        command.until,
    ):
        return case.unchanged(action, subject)
    event = happened.EnvironmentFrozen(
        environment=place.name, reason=command.reason, since=command.since, until=command.until
    )
    return case.ruled(action, subject, (), None, lambda _: (New(stream=subject, event=event),))


def unfreeze(case: Case, command: UnfreezeEnvironment) -> Ruled:
    """The freeze is over."""
    place = case.environment(command.environment)
    action, subject = f"unfreeze {place.name}", stream_of(place.name)
    if place.freeze is None:
        return case.unchanged(action, subject)
    event = happened.EnvironmentUnfrozen(environment=place.name, reason=command.reason)
    return case.ruled(action, subject, (), None, lambda _: (New(stream=subject, event=event),))
