"""What one event says, in a few words: for the answer to a change, and for live events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Data = Mapping[str, Any]

# By event type; an event that is not here is told by its subject.
SAYINGS: dict[str, Callable[[Data], str]] = {
    "ReleaseOpened": lambda d: f"{d['name']} ({d['kind']}): {d['title']}",
    "ReleaseContentSet": lambda d: (
        f"{short(d['content_digest'])} · {count(d, 'artifacts')}, {count(d, 'commits')}, {count(d, 'migrations')}"
    ),
    "DevelopmentConfirmed": lambda d: f"for content {short(d['content_digest'])}",
    "HotfixConfirmed": lambda d: f"for {d['problem']}, content {short(d['content_digest'])}",
    "DeployRequested": lambda d: (
        f"{d['deploy']}: {d['release']} → {d['environment']}"
        + (", waits for the window" if d.get("at_window") else "")
        + (f" ({d['intent']})" if d.get("intent") not in {None, "promote"} else "")
    ),
    "DeployReady": lambda d: f"{d['deploy']}: every check was made again; it may start",
    "DeployStarted": lambda d: (
        f"{d['deploy']}: {d['release']} → {d['environment']}, lease {d['lease']}, "
        f"token {d['fencing_token']}" + (f", replaces {d['replaced_release']}" if d.get("replaced_release") else "")
    ),
    "DeploySucceeded": lambda d: (
        f"{d['deploy']}: {d['environment']} now runs {d['release']}"
        + (", finished outside the window" if d.get("finished_outside_window") else "")
    ),
    "DeployFailed": lambda d: (
        f"{d['deploy']}: {d['phase']}: {d['error']}; it left {d['environment']} {d['environment_left']}"
    ),
    "DeployCancelled": lambda d: f"{d['deploy']}: {d['reason']}",
    "DeployExpired": lambda d: f"{d['deploy']} was not started in its time",
    "TestsPassed": lambda d: f"{counts(d)} · report {short(d['report'])}",
    "TestsFailed": lambda d: f"{counts(d)} · report {short(d['report'])}",
    "TestRunStarted": lambda d: (
        f"{d['run']} ({d['trigger']}), lease {d['lease']}, token {d['fencing_token']}"
        + (f", tests {d['release']}" if d.get("release") else "")
    ),
    "TestRunFinished": lambda d: f"{d['run']} {d['verdict']}" + (", late" if d.get("late") else ""),
    "TestRunAborted": lambda d: f"{d['run']}: {d['reason']}",
    "ManualQAApproved": lambda d: f"in {d['environment']}" + (f": {', '.join(d['areas'])}" if d.get("areas") else ""),
    "ManualQARejected": lambda d: f"in {d['environment']}: {d['reason']}",
    "CodeReviewApproved": lambda d: (
        f"{d['commit_range']}" + (f" since {d['base_release']}" if d.get("base_release") else "")
    ),
    "StageMigrated": lambda d: f"{count(d, 'migrations')} in {duration(d)}",
    "StageMigrationFailed": lambda d: ": ".join(part for part in (d.get("failed_migration"), d.get("error")) if part),
    "EvidenceInvalidated": lambda d: f"{', '.join(d['evidence'])}: {d['cause']}",
    "ReleaseSuperseded": lambda d: f"by {d['by']}",
    "LeaseGranted": lambda d: f"{d['lease']} of {d['environment']} for {d['subject']}, token {d['fencing_token']}",
    "LeaseRenewed": lambda d: f"{d['lease']} until {str(d['expires_at'])[11:19]} GMT",
    "LeaseReleased": lambda d: f"{d['lease']} of {d['environment']}",
    "LeaseExpired": lambda d: f"{d['lease']} of {d['environment']}",
    "LeaseBroken": lambda d: f"{d['lease']} of {d['environment']}: {d['reason']}",
    "DataRestored": lambda d: f"{d['environment']} from {d['source']} as of {minute(d['taken_at'])} GMT",
    "DataRestoreFailed": lambda d: f"{d['environment']} from {d['source']}: {d['error']}",
    "DataErased": lambda d: f"{d['environment']}: {d['cause']}",
    "DataFeedSet": lambda d: f"{d['environment']}: {d['feed']}, {d.get('volume_percent', 100)} %",
    "EnvironmentRegistered": lambda d: f"{d['environment']}: {d['identity']['database']}",
    "EnvironmentUnsure": lambda d: f"{d['environment']}: {d['cause']}",
    "EnvironmentConfirmed": lambda d: f"{d['environment']}: {d['state']}",
    "EnvironmentFrozen": lambda d: f"{d['environment']}: {d['reason']}",
    "EnvironmentUnfrozen": lambda d: f"{d['environment']}: {d['reason']}",
    "LogsChecked": lambda d: (
        f"{d['environment']}, {minute(d['since'])[11:]}–{minute(d['until'])[11:]} GMT, {d['result']}"
    ),
    "ProblemReported": lambda d: f'{d["problem"]} in {d["environment"]}: "{d["title"]}" ({d["severity"]})',
    "ProblemAcknowledged": lambda d: str(d["problem"]),
    "ProblemResolved": lambda d: f"{d['problem']}: {d['how']}",
    "ProblemDismissed": lambda d: f"{d['problem']}: {d['reason']}",
    "ProblemReopened": lambda d: f"{d['problem']}: {d['reason']}",
    "DataAdjustRequested": lambda d: (
        f"{d['adjustment']}: {short(d['bound_digest'])}, {', '.join(d['plan']['targets']['tables'])}"
        f" of {d['plan']['targets']['environment']}, {d['plan']['risk']} risk"
        + (f", reverts {d['reverts']}" if d.get("reverts") else "")
    ),
    "DataAdjustAmended": lambda d: f"{d['adjustment']}: now {short(d['bound_digest'])}; everything begins anew",
    "DataAdjustRehearsed": lambda d: f"{d['adjustment']} in {d['environment']}: {number(d)}, rolled back",
    "DataAdjustRehearsalFailed": lambda d: f"{d['adjustment']} in {d['environment']}: {d['error']}",
    "DataAdjustVerified": lambda d: f"{d['adjustment']}: number {d['ordinal']}, {short(d['bound_digest'])}",
    "DataAdjustRejected": lambda d: f"{d['adjustment']}: {d['reason']}",
    "DataAdjustAuthorized": lambda d: (
        f"{d['adjustment']}: only {d['operator']} may execute it, until {minute(d['valid_until'])} GMT"
    ),
    "DataAdjustExpired": lambda d: f"{d['adjustment']}: its {d['what']}",
    "DataAdjustBackupTaken": lambda d: f"{d['adjustment']}: {number(d)}, {short(d['backup_digest'])} at {d['place']}",
    "DataAdjustStarted": lambda d: f"{d['adjustment']}: marker {d['marker']}; from here on it may be committed",
    "DataAdjustExecuted": lambda d: (
        f"{d['adjustment']}: {number(d)}, {int(d['duration_ms']) / 1000:.1f} s, before {short(d['before'])}"
        f" after {short(d['after'])}" + (", as its marker told" if d.get("by_marker") else "")
    ),
    "DataAdjustFailed": lambda d: f"{d['adjustment']} ({d['transaction'].replace('_', ' ')}): {d['error']}",
    "DataAdjustResultVerified": lambda d: f"{d['adjustment']}: {d['method']}",
    "DataAdjustResultDisputed": lambda d: f"{d['adjustment']} ({d['problem']}): {d['reason']}",
    "DataAdjustReverted": lambda d: f"{d['adjustment']} by {d['by']}",
    "DataAdjustCancelled": lambda d: f"{d['adjustment']}: {d['reason']}",
    "PolicyProposed": lambda d: f"version {d['version']}: {d['reason']}",
    "PolicyActivated": lambda d: f"version {d['version']}",
    "PolicyApproved": lambda d: f"version {d['version']}",
    "PolicyRejected": lambda d: f"version {d['version']}: {d['reason']}",
    "PrincipalRegistered": lambda d: f"{d['principal']} ({d['kind']})",
    "RoleGranted": lambda d: f"{d['principal']}: {d['role']}",
    "RoleRevoked": lambda d: f"{d['principal']}: {d['role']}",
    "OwnerAssigned": lambda d: f"{d['principal']} owns {d['environment']}" + ends(d),
    "OperatorDesignated": lambda d: f"{d['principal']} adjusts data of {d['environment']}" + ends(d),
    "CredentialIssued": lambda d: f"{d['credential']} of {d['principal']} until {minute(d['expires_at'])[:10]}",
    "CredentialRevoked": lambda d: f"{d['credential']} of {d['principal']}",
    "SecondPersonAsked": lambda d: f"{d['ask']}: {d['action']}; waits for a second person",
    "SecondPersonConfirmed": lambda d: f"{d['ask']}, asked by {d['asked_by']}",
    "SecondPersonDeclined": lambda d: f"{d['ask']}: {d['reason']}",
    "ActionRefused": lambda d: str(d["action"]),
    "Annotated": lambda d: f"@{d['target']} ({d['kind']}): {d['text']}",
    "MisbehaviourDetected": lambda d: f"{d['environment']}: {d['description']}",
    "FactObserved": lambda d: f"{d['environment']}: {d['description']}",
}
KEYS = ("environment", "problem", "principal", "release", "reason")


def sentence(event: Mapping[str, Any]) -> str:
    """Return what the event says; an answer that brings its own sentence keeps it."""
    told = event.get("sentence")
    if isinstance(told, str) and told:
        return told
    data = event.get("data")
    if not isinstance(data, Mapping):
        return ""
    saying = SAYINGS.get(str(event.get("type")))
    if saying is not None:
        try:
            return saying(data)
        except (KeyError, TypeError, IndexError):
            # A newer server's event has another shape; its plain fields still say something.
            pass
    return " · ".join(str(data[key]) for key in KEYS if data.get(key))


def short(digest: object) -> str:
    """Return the beginning of a digest: "be02f1…"."""
    text = str(digest).removeprefix("sha256:")
    return f"{text[:6]}…" if len(text) > 6 else text


def minute(instant: object) -> str:
    """Return an RFC 3339 text to the minute."""
    return str(instant).replace("T", " ")[:16]


def count(data: Data, what: str) -> str:
    """Return "3 commits", "1 artifact"."""
    number = len(data.get(what) or ())
    return f"{number} {what if number != 1 else what.removesuffix('s')}"


def number(data: Data) -> str:
    """Return "14 rows"."""
    return f"{data['rows']} row{'' if data['rows'] == 1 else 's'}"


def counts(data: Data) -> str:
    """Return "410 passed, 2 failed"."""
    tally = data["counts"]
    parts = [f"{tally['passed']} passed", f"{tally['failed']} failed"]
    if tally.get("skipped"):
        parts.append(f"{tally['skipped']} skipped")
    return ", ".join(parts)


def duration(data: Data) -> str:
    """Return how long the migrations took together."""
    milliseconds = sum(int(migration["duration_ms"]) for migration in data.get("migrations") or ())
    return f"{milliseconds / 1000:.1f} s" if milliseconds < 60_000 else f"{milliseconds // 60_000} m"


def ends(data: Data) -> str:
    """Return the end of a deputy's time."""
    return f" until {minute(data['until'])} GMT" if data.get("until") else ""
