"""What happened, in one line each: for timelines, the audit log and whoever watches.

A sentence names its subject and never who did it: that stands beside it, with the time and the position.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from interlock.events.decision import Decision
from interlock.events.envelope import Recorded

SENTENCE_CHARACTERS_MAX = 240
DIGEST_CHARACTERS_SHOWN = 8
NAMES_SHOWN_MAX = 4

Say = Callable[[Any, str], str]


def sentence(recorded: Recorded[Any]) -> str:
    """Return what happened in one line of at most SENTENCE_CHARACTERS_MAX characters."""
    say = SENTENCES.get(recorded.type)
    subject = recorded.stream.partition("/")[2] or recorded.stream
    # A type that this version has no words for is still shown, by its name.
    line = " ".join((say(recorded.event, subject) if say else f"{recorded.type} of {subject}").split())
    return line if len(line) <= SENTENCE_CHARACTERS_MAX else line[: SENTENCE_CHARACTERS_MAX - 1] + "…"


def short(digest: str | None) -> str:
    """Return a digest as people compare it: the first characters after its algorithm."""
    return "an unknown content" if digest is None else digest.partition(":")[2][:DIGEST_CHARACTERS_SHOWN]


def gmt(at: datetime) -> str:
    """Return an instant to the minute."""
    return f"{at:%Y-%m-%d %H:%M} GMT"


def counted(number: int, thing: str) -> str:
    """Return `1 commit`, `2 commits`, `no commits`."""
    return f"{number or 'no'} {thing}{'' if number == 1 else 's'}"


def listed(names: Iterable[str]) -> str:
    """Return names, the first few of many."""
    found = list(names)
    more = f" and {len(found) - NAMES_SHOWN_MAX} more" if len(found) > NAMES_SHOWN_MAX else ""
    return ", ".join(found[:NAMES_SHOWN_MAX]) + more


def after(word: str, value: object | None) -> str:
    """Return ` word value`, or nothing where there is no value."""
    return "" if value is None or value == "" else f" {word} {value}"


def missing(decision: Decision | None) -> str:
    """Return the checks that stood in the way."""
    return listed(check.check for check in decision.missing) if decision is not None else ""


def _content(event: Any) -> str:
    return event.release or short(event.content_digest)


def _deploy(event: Any) -> str:
    return f"{event.deploy} of {event.release} to {event.environment}"


def _plan(event: Any) -> str:
    targets = event.plan.targets
    return f"{short(event.bound_digest)}, {listed(targets.tables) or 'no table'} of {targets.environment}"


RELEASE: dict[str, Say] = {
    "ReleaseOpened": lambda e, _: (
        f"{e.name} opened as {'a hotfix' if e.kind == 'hotfix' else 'a normal release'}"
        f"{after('for', e.problem)}: {e.title}"
    ),
    "ReleaseContentSet": lambda e, name: (
        f"{name} is now {short(e.content_digest)}: {counted(len(e.commits), 'commit')}"
        f", {counted(len(e.migrations), 'migration')}{after('contains', listed(e.contains)).replace(' ', ', ', 1)}"
        f"{after('fixes', listed(e.fixes)).replace(' ', ', ', 1)}"
    ),
    "DevelopmentConfirmed": lambda e, name: f"development of {name} confirmed for {short(e.content_digest)}",
    "HotfixConfirmed": lambda e, name: f"{name} confirmed as the hotfix for {e.problem}",
    "DeployRequested": lambda e, _: (
        f"{e.intent} requested: {_deploy(e)}{' at the window' if e.at_window else ''}{after('for', e.problem)}"
    ),
    "DeployReady": lambda e, _: f"{_deploy(e)} is ready to start: every check passed again",
    "DeployStarted": lambda e, _: f"{_deploy(e)} started by {e.executor}{after('over', e.replaced_release)}",
    "DeploySucceeded": lambda e, _: (
        f"{e.release} runs in {e.environment} ({e.deploy}, {short(e.content_digest)})"
        f"{', finished outside the window' if e.finished_outside_window else ''}"
    ),
    "DeployFailed": lambda e, _: f"{_deploy(e)} failed in {e.phase}, left it {e.environment_left}: {e.error}",
    "DeployCancelled": lambda e, _: f"{_deploy(e)} cancelled: {e.reason}{after('· missing', missing(e.decision))}",
    "DeployExpired": lambda e, _: f"{_deploy(e)} expired: it was not started in its time",
    "TestsPassed": lambda e, name: f"tests passed on {name}: {e.counts.passed} of {e.counts.total} ({e.run})",
    "TestsFailed": lambda e, name: (
        f"tests failed on {name}: {e.counts.failed} of {e.counts.total} ({e.run}){after('·', listed(e.failed))}"
    ),
    "ManualQAApproved": lambda e, name: f"{name} approved in {e.environment} ({e.scope}){after('·', listed(e.areas))}",
    "ManualQARejected": lambda e, name: (
        f"{name} rejected in {e.environment} ({e.scope}): {e.reason}{after('·', listed(e.problems))}"
    ),
    "ManualQAWithdrawn": lambda e, name: f"approval of {name} in {e.environment} ({e.scope}) withdrawn: {e.reason}",
    "CodeReviewApproved": lambda e, name: (
        f"all code changes of {name}{after('since', e.base_release)} reviewed and approved ({e.commit_range})"
    ),
    "CodeReviewRejected": lambda e, name: f"code changes of {name} rejected: {e.reason}",
    "CodeReviewWithdrawn": lambda e, name: f"review of {name} withdrawn: {e.reason}",
    "StageMigrated": lambda e, name: (
        f"{counted(len(e.migrations), 'migration')} of {name} passed"
        f"{after('on restored data,', e.restore)} ({e.migration}), "
        f"{sum(m.duration_ms for m in e.migrations) / 1000:.1f} s"
    ),
    "StageMigrationFailed": lambda e, name: (
        f"migrations of {name} failed{after('in', e.failed_migration)} ({e.migration}): {e.error}"
    ),
    "EvidenceInvalidated": lambda e, name: f"evidence of {name} is void{after('·', listed(e.evidence))}: {e.cause}",
    "ReleaseHeld": lambda e, name: f"{name} is on hold: {e.reason}",
    "ReleaseHoldLifted": lambda e, name: f"the hold of {name} is over: {e.reason}",
    "ReleaseSuperseded": lambda e, name: f"{name} superseded by {e.by}, which contains it",
    "ReleaseWithdrawn": lambda e, name: f"{name} withdrawn: {e.reason}",
    "ReleaseCompleted": lambda e, name: f"{name} is complete: it reached production ({e.deploy})",
}

ENVIRONMENT: dict[str, Say] = {
    "EnvironmentRegistered": lambda e, _: (
        f"{e.environment} registered as {e.identity.database} on {e.identity.system_identifier}"
    ),
    "EnvironmentBaselined": lambda e, _: (
        f"{e.environment} declared {'empty' if e.empty else f'to run {_content(e)}'}"
        f" at the beginning, by {e.asked_by} and {e.confirmed_by}"
    ),
    "EnvironmentUnsure": lambda e, _: f"{e.environment} is unsure: {e.cause}",
    "EnvironmentConfirmed": lambda e, _: (
        f"{e.environment} stated to"
        f" {f'run {_content(e)}' if e.state == 'content' else f'be {e.state}'}, by {e.asked_by} and {e.confirmed_by}"
    ),
    "LeaseGranted": lambda e, _: (
        f"{e.environment} leased to {e.holder} for {e.subject} ({e.lease}, token"
        f" {e.fencing_token}) until {gmt(e.expires_at)}"
    ),
    "LeaseRenewed": lambda e, _: f"lease {e.lease} of {e.environment} renewed until {gmt(e.expires_at)}",
    "LeaseReleased": lambda e, _: f"lease {e.lease} of {e.environment} given back",
    "LeaseExpired": lambda e, _: f"lease {e.lease} of {e.environment} expired without a sign of life",
    "LeaseBroken": lambda e, _: f"lease {e.lease} of {e.environment} broken: {e.reason}",
    "TestRunStarted": lambda e, _: (
        f"{e.trigger} test run {e.run} started in {e.environment}{after('on', e.release)}"
        f"{after('for', e.fulfils)}{', late' if e.late else ''}"
    ),
    "TestRunFinished": lambda e, _: f"test run {e.run} in {e.environment} {e.verdict}{after('on', e.release)}",
    "TestRunAborted": lambda e, _: f"test run {e.run} in {e.environment} aborted: {e.reason}",
    "TestRunMissed": lambda e, _: f"nightly test run of {e.day} missed: none had started by {gmt(e.expected_at)}",
    "DataErased": lambda e, _: f"data of {e.environment} erased: {e.cause}",
    "DataRestored": lambda e, _: f"data of {e.environment} restored from {e.source} of {gmt(e.taken_at)} ({e.restore})",
    "DataRestoreFailed": lambda e, _: f"restore {e.restore} of {e.environment} from {e.source} failed: {e.error}",
    "DataMarkedCorrupt": lambda e, _: f"data of {e.environment} marked corrupt: {e.reason}",
    "DataMarkedClean": lambda e, _: f"data of {e.environment} marked clean: {e.reason}",
    "DataFeedSet": lambda e, _: f"market data of {e.environment} comes from {e.feed} ({e.volume_percent} %)",
    "MigrationsApplied": lambda e, _: (
        f"{counted(len(e.migrations), 'migration')} of {e.release} applied in {e.environment} ({e.deploy})"
    ),
    "LogsChecked": lambda e, _: (
        f"logs of {e.environment} checked until {gmt(e.until)}: {e.result}{after('·', e.findings)}"
    ),
    "LogCheckMissed": lambda e, _: f"log check of {e.environment} missed: it was due at {gmt(e.due_at)}",
    "MisbehaviourDetected": lambda e, _: (
        f"{e.release or 'something'} misbehaves in {e.environment} ({e.problem}): {e.description}"
    ),
    "EnvironmentFrozen": lambda e, _: (
        f"{e.environment} frozen{after('from', e.since and gmt(e.since))}"
        f"{after('until', e.until and gmt(e.until))}: {e.reason}"
    ),
    "EnvironmentUnfrozen": lambda e, _: f"the freeze of {e.environment} is over: {e.reason}",
    "DriftDetected": lambda e, _: (
        f"{e.environment} holds {short(e.observed_digest)}, which the record does not explain"
        f" ({e.problem}, seen by {e.source})"
    ),
    "FactObserved": lambda e, _: (
        f"{e.kind} in {e.environment} observed, not asked for here ({e.source}): {e.description}"
    ),
}

PROBLEM: dict[str, Say] = {
    "ProblemReported": lambda e, _: (
        f"{e.problem} reported in {e.environment}{after('with', e.release)} ({e.severity}): {e.title}"
    ),
    "ProblemAcknowledged": lambda e, _: f"{e.problem} acknowledged: somebody looks after it",
    "ProblemResolved": lambda e, _: f"{e.problem} resolved{after('by', e.fixed_by_release)}: {e.how}",
    "ProblemDismissed": lambda e, _: f"{e.problem} dismissed: {e.reason}",
    "ProblemReopened": lambda e, _: f"{e.problem} reopened ({e.title}): {e.reason}",
    "ReactionOverdue": lambda e, _: f"nobody acknowledged {e.problem} by {gmt(e.due_at)}",
}

ADJUSTMENT: dict[str, Say] = {
    "DataAdjustRequested": lambda e, _: (
        f"{e.adjustment} requested{after('to revert', e.reverts)}: {e.plan.purpose}"
        f" ({_plan(e)}, {e.plan.risk} risk, open until {gmt(e.expires_at)})"
    ),
    "DataAdjustAmended": lambda e, _: f"{e.adjustment} amended ({_plan(e)}): {e.reason}",
    "DataAdjustRehearsed": lambda e, _: (
        f"{e.adjustment} rehearsed in {e.environment} on production's data of {gmt(e.data_taken_at)}"
        f" ({e.restore}): {counted(e.rows, 'row')}, {e.duration_ms / 1000:.1f} s, rolled back"
    ),
    "DataAdjustRehearsalFailed": lambda e, _: f"rehearsal of {e.adjustment} in {e.environment} failed: {e.error}",
    "DataAdjustVerified": lambda e, _: (
        f"{e.adjustment} verified (number {e.ordinal}) for {short(e.bound_digest)}"
        f" as rehearsed @{e.rehearsal}: {e.method}"
    ),
    "DataAdjustRejected": lambda e, _: f"{e.adjustment} rejected ({short(e.bound_digest)}): {e.reason}",
    "DataAdjustAuthorized": lambda e, _: (
        f"{e.adjustment} authorized by the rule for {short(e.bound_digest)}: only {e.operator} may execute it,"
        f" until {gmt(e.valid_until)}"
    ),
    "DataAdjustExpired": lambda e, _: (
        f"the {e.what} of {e.adjustment} expired"
        f"{', and its verifications with it' if e.what == 'authorization' else ''}"
    ),
    "DataAdjustBackupTaken": lambda e, _: (
        f"{counted(e.rows, 'row')} that {e.adjustment} touches kept as they were, at {e.place}"
        f" ({short(e.backup_digest)}, {e.size_bytes} bytes)"
    ),
    "DataAdjustStarted": lambda e, _: (
        f"{e.adjustment} may be committed in {e.identity.database} on {e.identity.system_identifier}:"
        f" {counted(e.rows, 'row')}, marker {e.marker}"
    ),
    "DataAdjustExecuted": lambda e, _: (
        f"{e.adjustment} executed by {e.executed_by}: {counted(e.rows, 'row')}, {e.duration_ms / 1000:.1f} s"
        f"{', as its marker told' if e.by_marker else ''}"
    ),
    "DataAdjustFailed": lambda e, _: (
        f"{e.adjustment} {'was not committed' if e.transaction == 'rolled_back' else 'has an unknown outcome'}"
        f"{', as its marker told' if e.by_marker else ''}: {e.error}"
    ),
    "DataAdjustResultVerified": lambda e, _: f"the result of {e.adjustment} is right: {e.method}",
    "DataAdjustResultDisputed": lambda e, _: f"the result of {e.adjustment} is disputed ({e.problem}): {e.reason}",
    "DataAdjustReverted": lambda e, _: f"{e.adjustment} reverted by {e.by}",
    "DataAdjustCancelled": lambda e, _: f"{e.adjustment} cancelled: {e.reason}",
}

GOVERNANCE: dict[str, Say] = {
    "PolicyProposed": lambda e, _: f"policy {e.version} proposed ({short(e.document_digest)}): {e.reason}",
    "PolicyApproved": lambda e, _: f"policy {e.version} approved ({short(e.document_digest)})",
    "PolicyRejected": lambda e, _: f"policy {e.version} rejected: {e.reason}",
    "PolicyActivated": lambda e, _: f"policy {e.version} is in force from {gmt(e.effective_from)}",
    "ProjectOpened": lambda e, _: f"project opened by its founders {listed(e.founders)}",
    "PrincipalRegistered": lambda e, _: f"{e.kind} {e.principal} registered{after('with', e.second_person)}",
    "PrincipalDeactivated": lambda e, _: f"{e.principal} deactivated: {e.reason}",
    "RoleGranted": lambda e, _: f"{e.principal} is now {e.role}{after('with', e.second_person)}",
    "RoleRevoked": lambda e, _: f"{e.principal} is no longer {e.role}: {e.reason}",
    "OwnerAssigned": lambda e, _: f"{e.principal} owns {e.environment}{after('until', e.until and gmt(e.until))}",
    "OperatorDesignated": lambda e, _: (
        f"{e.principal} is the operator of {e.environment}{after('until', e.until and gmt(e.until))}"
    ),
    "CredentialIssued": lambda e, _: f"{e.purpose} {e.credential} issued to {e.principal}, until {gmt(e.expires_at)}",
    "CredentialRevoked": lambda e, _: f"credential {e.credential} of {e.principal} revoked: {e.reason}",
    "SecondPersonAsked": lambda e, _: f"{e.ask} asks a second person to {e.action}, until {gmt(e.until)}",
    "SecondPersonConfirmed": lambda e, _: f"{e.ask} of {e.asked_by} confirmed by a second person",
    "SecondPersonDeclined": lambda e, _: f"{e.ask} declined: {e.reason}",
    "SecondPersonExpired": lambda e, _: f"{e.ask} expired: nobody confirmed it in time",
    "ActionRefused": lambda e, _: f"refused: {e.action}{after('· missing', missing(e.decision))}",
    "Annotated": lambda e, _: f"{e.kind} on {e.target}: {e.text}",
    "LedgerRestored": lambda e, _: (
        f"ledger restored to {e.position} from {e.backup} of {gmt(e.taken_at)}, by {e.asked_by} and {e.confirmed_by}"
    ),
    "LedgerMoved": lambda e, _: f"ledger moved from {e.source} to {e.target}",
}

SENTENCES: dict[str, Say] = RELEASE | ENVIRONMENT | PROBLEM | ADJUSTMENT | GOVERNANCE
