"""What happens to problems, the team, the policy, refusals and remarks."""

from __future__ import annotations

from typing import Any, Final

from interlock.domain.evolve.adjustment import operated
from interlock.domain.evolve.parts import counted, forget, with_problem, without
from interlock.domain.situation import (
    ANNOTATIONS_KEPT_MAX,
    REFUSAL_REPEATS_WITHIN,
    Ask,
    Credential,
    Designation,
    PastRefusal,
    Principal,
    Problem,
    Proposal,
    Situation,
    Team,
)
from interlock.events.catalogue import ledger, policy, problem, refusals, team
from interlock.events.envelope import Recorded
from interlock.events.fact import replace

# The command that two persons give for a restored ledger (interlock.domain.commands.governance).
RESTORED: Final = "AcceptRestoredLedger"


def evolve_problem(known: Problem | None, recorded: Recorded[Any]) -> Problem | None:
    """Apply one event of a problem's stream."""
    event = recorded.event
    if isinstance(event, problem.ProblemReported | problem.ProblemReopened):
        return Problem(
            problem=event.problem,
            environment=event.environment,
            title=event.title,
            severity=event.severity,
            source=event.source,
            since=recorded.recorded_at,
            react_by=event.react_by,
            position=recorded.position,
            release=event.release,
            failed_deploy=event.failed_deploy,
            reporter=event.reporter if isinstance(event, problem.ProblemReported) else None,
        )
    if known is None:
        return None
    match event:
        case problem.ProblemAcknowledged():
            return replace(known, acknowledged=True)
        case problem.ReactionOverdue():
            return replace(known, overdue=True)
        case problem.ProblemResolved() | problem.ProblemDismissed():
            return replace(known, open=False)
        case _:
            return known


def on_problem(situation: Situation, recorded: Recorded[Any]) -> Situation:
    """A closed problem leaves the situation; a reopened one is there again."""
    name = recorded.event.problem
    after = evolve_problem(situation.problems.get(name), recorded)
    situation = counted(situation, name)
    return situation if after is None else with_problem(situation, after)


def on_policy(situation: Situation, recorded: Recorded[Any]) -> Situation:
    """A proposal waits; an activation is followed from here on."""
    event = recorded.event
    seen = max(situation.policies_seen, event.version)
    situation = replace(situation, policies_seen=seen)
    match event:
        case policy.PolicyProposed():
            proposal = Proposal(
                version=event.version,
                document=event.document,
                document_digest=event.document_digest,
                proposed_by=recorded.actor.id,
                position=recorded.position,
            )
            return replace(situation, proposals={**situation.proposals, event.version: proposal})
        case policy.PolicyActivated():
            # What was proposed before this one was written against a policy that is no longer in force.
            proposals = {v: p for v, p in situation.proposals.items() if v > event.version}
            policies = {**situation.policies, event.version: event.document}
            active = replace(situation, policies=policies, policy_version=event.version, proposals=proposals)
            return forget(active)
        case policy.PolicyRejected():
            proposals = {v: p for v, p in situation.proposals.items() if v != event.version}
            return replace(situation, proposals=proposals)
        case _:
            return situation


def on_team(situation: Situation, recorded: Recorded[Any]) -> Situation:
    """Somebody came, went, got or lost a role, a designation or a credential."""
    for identifier in (getattr(recorded.event, "credential", None), getattr(recorded.event, "ask", None)):
        if identifier is not None:
            situation = counted(situation, identifier)
    situation = _asked(situation, recorded)
    changed = _member(situation.team, recorded) or _credential(situation.team, recorded)
    if isinstance(recorded.event, team.ProjectOpened):
        situation = replace(situation, opened_at=recorded.recorded_at)
    situation = situation if changed is None else replace(situation, team=changed)
    return operated(situation, recorded) if isinstance(recorded.event, team.OperatorDesignated) else situation


def _asked(situation: Situation, recorded: Recorded[Any]) -> Situation:
    match recorded.event:
        case team.SecondPersonAsked() as event:
            ask = Ask(
                ask=event.ask,
                action=event.action,
                command_type=event.command_type,
                command=event.command,
                bound_digest=event.bound_digest,
                asked_by=event.asked_by,
                until=event.until,
                position=recorded.position,
            )
            # What is asked first on a restored ledger closes it to everything else, however long nobody confirms.
            restored = event.command["position"] if event.command_type == RESTORED else situation.restored
            return replace(situation, asks={**situation.asks, event.ask: ask}, restored=restored)
        case (
            team.SecondPersonConfirmed(ask=name)
            | team.SecondPersonDeclined(ask=name)
            | team.SecondPersonExpired(ask=name)
        ):
            return replace(situation, asks=without(situation.asks, name))
        case _:
            return situation


def _member(known: Team, recorded: Recorded[Any]) -> Team | None:
    event = recorded.event
    match event:
        case team.ProjectOpened(founders=founders):
            return replace(known, founders=founders)
        case team.PrincipalRegistered():
            principal = Principal(id=event.principal, kind=event.kind)
        case team.PrincipalDeactivated():
            principal = replace(_principal(known, event.principal), active=False, roles=frozenset())
            kept = {name: c for name, c in known.credentials.items() if c.principal != event.principal}
            known = replace(known, credentials=kept, by_secret={c.secret_digest: n for n, c in kept.items()})
        case team.RoleGranted():
            principal = _principal(known, event.principal)
            principal = replace(principal, roles=principal.roles | {event.role})
        case team.RoleRevoked():
            principal = _principal(known, event.principal)
            principal = replace(principal, roles=principal.roles - {event.role})
        case team.OwnerAssigned():
            owners = {**known.owners, event.environment: _designated(known.owners, event)}
            return replace(known, owners=owners)
        case team.OperatorDesignated():
            operators = {**known.operators, event.environment: _designated(known.operators, event)}
            return replace(known, operators=operators)
        case _:
            return None
    return replace(known, principals={**known.principals, principal.id: principal})


def _principal(known: Team, name: str) -> Principal:
    return known.principals.get(name) or Principal(id=name, kind="person")


def _designated(known: dict[str, Designation], event: team.OwnerAssigned | team.OperatorDesignated) -> Designation:
    before = known.get(event.environment)
    if event.until is not None and before is not None:
        return replace(before, deputy=event.principal, deputy_until=event.until)
    return Designation(principal=event.principal)


def _credential(known: Team, recorded: Recorded[Any]) -> Team | None:
    match recorded.event:
        case team.CredentialIssued() as event:
            credential = Credential(
                credential=event.credential,
                principal=event.principal,
                secret_digest=event.secret_digest,
                purpose=event.purpose,
                scopes=tuple(event.scopes),
                expires_at=event.expires_at,
            )
            return replace(
                known,
                credentials={**known.credentials, event.credential: credential},
                by_secret={**known.by_secret, event.secret_digest: event.credential},
            )
        case team.CredentialRevoked(credential=name):
            gone = known.credentials.get(name)
            if gone is None:
                return known
            return replace(
                known,
                credentials=without(known.credentials, name),
                by_secret=without(known.by_secret, gone.secret_digest),
            )
        case _:
            return None


def on_refusal(situation: Situation, recorded: Recorded[Any]) -> Situation:
    """Remember it for an hour, so that the same one is not stored again."""
    event: refusals.ActionRefused = recorded.event
    since = recorded.recorded_at - REFUSAL_REPEATS_WITHIN
    kept = {name: past for name, past in situation.refusals.items() if past.at > since}
    kept[event.fingerprint] = PastRefusal(position=recorded.position, at=recorded.recorded_at)
    return replace(situation, refusals=kept)


def on_ledger(situation: Situation, recorded: Recorded[Any]) -> Situation:
    """A remark is remembered for a while, so that the same one is not made twice; a ledger is closed, or open again."""
    if isinstance(recorded.event, ledger.LedgerRestored):
        return replace(situation, restored=None, moved=None)
    if isinstance(recorded.event, ledger.LedgerMoved):
        return replace(situation, moved=recorded.event.target)
    if not isinstance(recorded.event, ledger.Annotated):
        return situation
    mark = annotation_mark(recorded.actor.id, recorded.event.target, recorded.event.kind, recorded.event.text)
    return replace(situation, annotations=(*situation.annotations, mark)[-ANNOTATIONS_KEPT_MAX:])


def annotation_mark(actor: str, target: int, kind: str, text: str) -> str:
    """One line by which the same remark is recognized."""
    return f"{actor}|{target}|{kind}|{text}"
