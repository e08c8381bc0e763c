"""Deciding about the team: principals, their roles, owners and operators, credentials."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from interlock.domain.commands.governance import (
    AssignOwner,
    DeactivatePrincipal,
    DesignateOperator,
    GrantRole,
    IssueCredential,
    RegisterPrincipal,
    RevokeCredential,
    RevokeRole,
)
from interlock.domain.decide.case import Case, New, Ruled
from interlock.domain.errors import InvalidCommand, NotFound
from interlock.domain.situation import Designation, Principal
from interlock.events.catalogue import team as happened
from interlock.events.decision import CheckOutcome, Decision

ADMINISTRATORS_MIN = 2

CREDENTIAL_LIFE_MAX = timedelta(days=366)

FOR_SERVICES = frozenset({"runner", "developer", "auditor"})


def _principal(case: Case, name: str) -> Principal:
    principal = case.situation.team.principals.get(name)
    if principal is None or not principal.active:
        raise NotFound("active principal", name)
    return principal


def _second(case: Case) -> str | None:
    return case.actor.id if case.asker is not None else None


def _team(case: Case, action: str, event: Any, *, two: bool) -> Ruled:
    def effect(_: Decision) -> Iterator[New]:
        yield from case.confirmation()
        yield New(stream="team", event=event)

    if not two:
        return case.ruled(action, "team", (), None, effect)
    return case.two_persons(action, "team", (), case.asked(case.policy.production), effect)


def register_principal(case: Case, command: RegisterPrincipal) -> Ruled:
    """A person takes two administrators; a service or an agent one."""
    action = f"register {command.principal}"
    known = case.situation.team.principals.get(command.principal)
    if known is not None:
        if known.kind != command.kind or not known.active:
            what = "left, and an id is never given again" if not known.active else f"a {known.kind}"
            raise InvalidCommand("principal", f"{command.principal} is {what}")
        return case.unchanged(action, "team")
    event = happened.PrincipalRegistered(principal=command.principal, kind=command.kind, second_person=_second(case))
    return _team(case, action, event, two=command.kind == "person")


def deactivate(case: Case, command: DeactivatePrincipal) -> Ruled:
    """The principal acts no more; two administrators always remain."""
    known = case.situation.team.principals.get(command.principal)
    if known is None:
        raise NotFound("principal", command.principal)
    if not known.active:
        return case.unchanged(f"deactivate {known.id}", "team")
    event = happened.PrincipalDeactivated(principal=known.id, reason=command.reason)
    return case.ruled(
        f"deactivate {known.id}",
        "team",
        (),
        None,
        lambda _: (New(stream="team", event=event),),
        extra=[_administrators_remain(case, known, loses="administrator" in known.roles)],
    )


def _administrators_remain(case: Case, principal: Principal, *, loses: bool) -> CheckOutcome:
    remaining = [p for p in case.situation.team.persons_holding("administrator") if not loses or p != principal.id]
    return CheckOutcome(
        check="two-administrators-remain",
        state="passed" if len(remaining) >= ADMINISTRATORS_MIN else "failed",
        required=f"at least {ADMINISTRATORS_MIN} administrators",
        observed=f"{len(remaining)} would remain",
    )


def grant_role(case: Case, command: GrantRole) -> Ruled:
    """Every role but auditor takes two administrators; services and agents never get one that approves."""
    principal = _principal(case, command.principal)
    action = f"grant {command.role} to {principal.id}"
    if command.role in principal.roles:
        return case.unchanged(action, "team")
    if principal.kind == "person" and command.role == "runner":
        raise InvalidCommand("role", "runner is a role of services; a person reports where the policy lists it")
    if principal.kind != "person" and command.role not in FOR_SERVICES:
        raise InvalidCommand("role", f"a {principal.kind} never approves, verifies or authorizes")
    if principal.kind == "agent" and command.role == "runner":
        raise InvalidCommand("role", "runner is a role of services")
    event = happened.RoleGranted(principal=principal.id, role=command.role, second_person=_second(case))
    return _team(case, action, event, two=command.role != "auditor")


def revoke_role(case: Case, command: RevokeRole) -> Ruled:
    """Taking away needs one; two administrators always remain."""
    principal = _principal(case, command.principal)
    action = f"revoke {command.role} of {principal.id}"
    if command.role not in principal.roles:
        return case.unchanged(action, "team")
    event = happened.RoleRevoked(principal=principal.id, role=command.role, reason=command.reason)
    return case.ruled(
        action,
        "team",
        (),
        None,
        lambda _: (New(stream="team", event=event),),
        extra=[_administrators_remain(case, principal, loses=command.role == "administrator")],
    )


def _person(case: Case, name: str) -> Principal:
    principal = _principal(case, name)
    if principal.kind != "person":
        raise InvalidCommand("principal", f"{name} is a {principal.kind}; this is one person")
    return principal


def _stands(case: Case, known: Designation | None, command: AssignOwner | DesignateOperator) -> bool:
    if command.until is not None and command.until <= case.now:
        raise InvalidCommand("until", "lies in the past")
    if command.until is not None and known is None:
        raise InvalidCommand("until", "a deputy needs somebody to stand in for")
    if known is None:
        return False
    if command.until is not None:
        return (known.deputy, known.deputy_until) == (command.principal, command.until)
    return known.principal == command.principal and known.deputy is None


def assign_owner(case: Case, command: AssignOwner) -> Ruled:
    """One owner at any instant; a deputy until an end date."""
    place, person = case.environment(command.environment), _person(case, command.principal)
    rule = case.policy.environment(place.name)
    action = f"make {person.id} the owner of {place.name}"
    if rule is None or not rule.owned:
        raise InvalidCommand("environment", f"{place.name} has no owner by the policy")
    if _stands(case, case.situation.team.owners.get(place.name), command):
        return case.unchanged(action, "team")
    event = happened.OwnerAssigned(
        environment=place.name, principal=person.id, second_person=_second(case), until=command.until
    )
    return _team(case, action, event, two=True)


def designate_operator(case: Case, command: DesignateOperator) -> Ruled:
    """One operator at any instant; a deputy until an end date."""
    place, person = case.environment(command.environment), _person(case, command.principal)
    action = f"make {person.id} the operator of {place.name}"
    if place.name != case.policy.production:
        raise InvalidCommand("environment", f"the operator adjusts data of {case.policy.production}")
    if _stands(case, case.situation.team.operators.get(place.name), command):
        return case.unchanged(action, "team")
    event = happened.OperatorDesignated(
        environment=place.name, principal=person.id, second_person=_second(case), until=command.until
    )
    return _team(case, action, event, two=True)


def issue_credential(case: Case, command: IssueCredential) -> Ruled:
    """For oneself alone; for somebody else two administrators. An enrolment is used up by it."""
    principal = _principal(case, command.principal)
    action = f"issue a credential to {principal.id}"
    team = case.situation.team
    known = team.credential_for(command.secret_digest)
    if known is not None:
        if known.principal != principal.id:
            raise InvalidCommand("secret_digest", "is another principal's: make a new secret")
        if known.purpose != command.purpose:
            raise InvalidCommand("purpose", f"this digest is of a {known.purpose}: make a new secret")
        return case.unchanged(action, "team")
    if not case.now < command.expires_at <= case.now + CREDENTIAL_LIFE_MAX:
        raise InvalidCommand("expires_at", f"lies in the next {CREDENTIAL_LIFE_MAX.days} days")
    used = team.credentials.get(case.actor.credential or "")
    asker = case.asker.id if case.asker is not None else case.actor.id
    if asker == principal.id and used is not None and used.purpose != "enrolment":
        grown = set(command.scopes) - set(used.scopes)
        if grown:
            raise InvalidCommand("scopes", f"a credential gives no more than it has: {', '.join(used.scopes)}")

    def effect(_: Decision) -> Iterator[New]:
        yield from case.confirmation()
        yield New(
            stream="team",
            event=happened.CredentialIssued(
                credential=case.new_id("K"),
                principal=principal.id,
                secret_digest=command.secret_digest,
                purpose=command.purpose,
                scopes=tuple(dict.fromkeys(command.scopes)),
                expires_at=command.expires_at,
                second_person=_second(case),
            ),
        )
        if used is not None and used.purpose == "enrolment":
            yield New(
                stream="team",
                event=happened.CredentialRevoked(
                    credential=used.credential, principal=used.principal, reason="an enrolment serves once"
                ),
            )

    if asker == principal.id:
        return case.ruled(action, "team", (), None, effect, extra=[_credential_valid(case)])
    asked = case.asked(case.policy.production)
    if not {asker, case.actor.id} <= set(team.persons_holding("administrator")):
        return case.ruled(action, "team", (), None, effect, extra=[_administrator(case)])
    return case.two_persons(action, "team", (), asked, effect)


def _credential_valid(case: Case) -> CheckOutcome:
    """What this is asked with is not used up: of two commands under way with one enrolment, one comes too late."""
    name = case.actor.credential or ""
    kind, _, number = name.partition("-")
    issued = number.isdigit() and int(number) <= case.situation.counters.get(kind, 0)
    over = issued and name not in case.situation.team.credentials
    return CheckOutcome(
        check="credential-valid",
        state="failed" if over else "passed",
        required="a credential that is not used up",
        observed=f"{name} is over" if over else "valid",
    )


def _administrator(case: Case) -> CheckOutcome:
    administrators = case.situation.team.persons_holding("administrator")
    return CheckOutcome(
        check="administrator",
        state="passed" if case.actor.id in administrators and case.asker is None else "needed",
        required="an administrator, and for somebody else's credential two",
        observed=case.actor.id,
        who=administrators,
    )


def revoke_credential(case: Case, command: RevokeCredential) -> Ruled:
    """One's own, or as an administrator anybody's; effective at once."""
    known = case.situation.team.credentials.get(command.credential)
    action = f"revoke {command.credential}"
    if known is None:
        raise NotFound("credential", command.credential)
    event = happened.CredentialRevoked(credential=known.credential, principal=known.principal, reason=command.reason)
    extra = [] if known.principal == case.actor.id else [_administrator(case)]
    return case.ruled(action, "team", (), None, lambda _: (New(stream="team", event=event),), extra=extra)
