"""Deciding about the project as a whole: its beginning, its policy, its ledger, and remarks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from interlock.domain import policy as policies
from interlock.domain.commands.governance import (
    AcceptRestoredLedger,
    Annotate,
    ApprovePolicy,
    MoveLedger,
    OpenProject,
    ProposePolicy,
    RejectPolicy,
)
from interlock.domain.decide.case import Case, New, Ruled
from interlock.domain.errors import InvalidCommand, NotFound
from interlock.domain.evolve.people import annotation_mark
from interlock.domain.situation import Proposal
from interlock.events.catalogue import ledger
from interlock.events.catalogue import policy as happened_policy
from interlock.events.catalogue import team as happened
from interlock.events.codec import digest_of
from interlock.events.decision import Decision
from interlock.events.fact import replace

FOUNDERS = 2


def open_project(case: Case, command: OpenProject) -> Ruled:
    """The project begins: two founders, who are its administrators, and a policy."""
    action = f"open {case.situation.project or 'the project'}"
    if case.situation.opened_at is not None:
        return case.unchanged(action, "team")
    founders = command.founders
    if len(founders) != FOUNDERS or len(set(founders)) != FOUNDERS:
        raise InvalidCommand("founders", "name two different persons")
    if {given.principal for given in command.enrolments} != set(founders):
        raise InvalidCommand("enrolments", "give each founder one enrolment")
    _parsed(command.policy)

    def effect(_: Decision) -> Iterator[New]:
        yield New(stream="team", event=happened.ProjectOpened(founders=founders))
        for founder in founders:
            yield New(stream="team", event=happened.PrincipalRegistered(principal=founder, kind="person"))
            yield New(stream="team", event=happened.RoleGranted(principal=founder, role="administrator"))
        yield New(
            stream="policy",
            event=happened_policy.PolicyActivated(
                version=1, effective_from=case.now, document=command.policy, document_digest=digest_of(command.policy)
            ),
        )
        for given in command.enrolments:
            yield New(
                stream="team",
                event=happened.CredentialIssued(
                    credential=given.credential,
                    principal=given.principal,
                    secret_digest=given.secret_digest,
                    purpose="enrolment",
                    scopes=("write",),
                    expires_at=given.expires_at,
                ),
            )

    return case.ruled(action, "team", (), None, effect)


def _parsed(document: dict[str, Any]) -> policies.Policy:
    try:
        return policies.parse(document)
    except policies.NotAPolicy as error:
        raise InvalidCommand("document", str(error)) from error


def propose_policy(case: Case, command: ProposePolicy) -> Ruled:
    """A whole policy, which somebody else must approve."""
    parsed = _parsed(command.document)
    if [e.name for e in parsed.environments] != [e.name for e in case.policy.environments]:
        raise InvalidCommand("document", "environments keep their names and their order")
    digest = digest_of(command.document)
    for known in case.situation.proposals.values():
        if known.document_digest == digest:
            return case.unchanged("propose a policy", "policy")
    version = case.situation.policies_seen + 1
    event = happened_policy.PolicyProposed(
        version=version, document=command.document, document_digest=digest, reason=command.reason
    )
    return case.ruled(f"propose policy {version}", "policy", (), None, lambda _: (New(stream="policy", event=event),))


def _proposal(case: Case, version: int) -> Proposal:
    proposal = case.situation.proposals.get(version)
    if proposal is None:
        raise NotFound("proposed policy", str(version))
    return proposal


def approve_policy(case: Case, command: ApprovePolicy) -> Ruled:
    """By another person than proposed it, who names the digest of what was read; in force at once."""
    if command.version == case.situation.policy_version:
        return case.unchanged(f"approve policy {command.version}", "policy")
    proposal = _proposal(case, command.version)
    if proposal.document_digest != command.document_digest:
        raise InvalidCommand("document_digest", f"the proposal's is {proposal.document_digest}")
    asked = replace(case.asked(case.policy.production), second=proposal.proposed_by)

    def effect(_: Decision) -> Iterator[New]:
        yield New(
            stream="policy",
            event=happened_policy.PolicyApproved(version=proposal.version, document_digest=proposal.document_digest),
        )
        yield New(
            stream="policy",
            event=happened_policy.PolicyActivated(
                version=proposal.version,
                effective_from=case.now,
                document=proposal.document,
                document_digest=proposal.document_digest,
            ),
        )

    return case.ruled(f"approve policy {command.version}", "policy", ("proposer-is-another",), asked, effect)


def reject_policy(case: Case, command: RejectPolicy) -> Ruled:
    """The proposal is over."""
    proposal = _proposal(case, command.version)
    event = happened_policy.PolicyRejected(version=proposal.version, reason=command.reason)
    return case.ruled(
        f"reject policy {proposal.version}", "policy", (), None, lambda _: (New(stream="policy", event=event),)
    )


def accept_restored_ledger(case: Case, command: AcceptRestoredLedger) -> Ruled:
    """By two administrators; before it, a restored ledger takes no other command."""
    action = f"take commands again after a restore to {command.position}"
    if case.situation.restored is None:
        raise InvalidCommand("position", "this ledger was not restored, or takes commands already")
    if command.position != case.situation.restored:
        raise InvalidCommand("position", f"the restored ledger ends at {case.situation.restored}")

    def effect(_: Decision) -> Iterator[New]:
        yield from case.confirmation()
        asked_by, confirmed_by = case.first_and_second
        yield New(
            stream="ledger",
            event=ledger.LedgerRestored(
                position=command.position,
                backup=command.backup,
                taken_at=command.taken_at,
                asked_by=asked_by,
                confirmed_by=confirmed_by,
            ),
        )

    return case.two_persons(action, "ledger", (), case.asked(case.policy.production), effect)


def move_ledger(case: Case, command: MoveLedger) -> Ruled:
    """By two administrators; it is the last thing that this ledger takes."""
    if command.source == command.target:
        raise InvalidCommand("target", "a ledger moves to another place")

    def effect(_: Decision) -> Iterator[New]:
        yield from case.confirmation()
        yield New(stream="ledger", event=ledger.LedgerMoved(source=command.source, target=command.target))

    action = f"move the ledger from {command.source} to {command.target}"
    return case.two_persons(action, "ledger", (), case.asked(case.policy.production), effect)


def annotate(case: Case, command: Annotate) -> Ruled:
    """A remark beside an event; the event stays as it is."""
    action = f"annotate @{command.target}"
    if command.target > case.situation.position:
        raise NotFound("event", f"@{command.target}")
    mark = annotation_mark(case.actor.id, command.target, command.kind, command.text)
    if mark in case.situation.annotations:
        return case.unchanged(action, "annotations")
    event = ledger.Annotated(target=command.target, kind=command.kind, text=command.text)
    return case.ruled(action, "annotations", (), None, lambda _: (New(stream="annotations", event=event),))
