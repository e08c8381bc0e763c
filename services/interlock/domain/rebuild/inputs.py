"""What of a command stands elsewhere than in a field of the same name: in the situation, or in other words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from interlock.domain.commands import COMMANDS
from interlock.domain.situation import Lease, Situation
from interlock.events.catalogue.environment import FactObserved
from interlock.events.catalogue.parts import AppliedMigration, CredentialGiven, Migration, Observed, TestCounts
from interlock.events.envelope import Recorded

Events = Sequence[Recorded[Any]]
# Of each field the values that it may have had.
Alternatives = Mapping[str, Sequence[Any]]

LATE = re.compile(r"(?P<of>[DSM]-\d+)(?: of (?P<release>\S+))? was reported as (?P<said>done|failed) after .*")
AROUND = re.compile(r"(?P<adjustment>\S+)/(?P<token>\d+) was reported as executed without .*")


def told(field: str, events: Events) -> Sequence[Any]:
    """What the events say of a field of that name: their own, the name of their stream, or when it happened."""
    if field == "happened_at":
        return tuple(each.occurred_at for each in events if each.occurred_at != each.recorded_at)[:1]
    for recorded in events:
        if hasattr(recorded.event, field):
            return (getattr(recorded.event, field),)
    for recorded in events:
        kind, _, name = recorded.stream.partition("/")
        if kind == field:
            return (name,)
    return ()


def _lease(seen: Situation, events: Events) -> Lease | None:
    """The lease under which this was reported: the environment's, or the one that is named."""
    for recorded in events:
        place = seen.environments.get(getattr(recorded.event, "environment", ""))
        if place is not None and place.lease is not None:
            return place.lease
    named = {getattr(recorded.event, "lease", None) for recorded in events}
    leases = [place.lease for place in seen.environments.values() if place.lease is not None]
    return next((lease for lease in leases if lease.lease in named or lease.holder == events[0].actor.id), None)


def _tokens(seen: Situation, events: Events) -> Sequence[int]:
    own = [recorded.event.fencing_token for recorded in events if hasattr(recorded.event, "fencing_token")]
    lease = _lease(seen, events)
    place = seen.environments.get(told("environment", events)[0]) if told("environment", events) else None
    last = place.token if place is not None else 0
    return (own or [lease.token if lease is not None else max(1, last)])[:1]


def _identified(seen: Situation, environment: str) -> Sequence[Observed]:
    """What a runner must have read there, with each schema that may have stood beside it."""
    place = seen.environment(environment)
    if place.identity is None:
        return ()
    schemas = (place.mark.schema_digest, None)
    feeds = (place.data.feed, None)
    return tuple(
        Observed(identity=place.identity, feed=feed, schema_digest=schema) for schema in schemas for feed in feeds
    )


def more_of(name: str, seen: Situation, events: Events) -> Alternatives:
    """What of the command stands elsewhere than in a field of the same name, by the field."""
    made = dict(SPECIAL[name](seen, events)) if name in SPECIAL else {}
    if "fencing_token" in {field.name for field in fields(COMMANDS[name])} and "fencing_token" not in made:
        made["fencing_token"] = _tokens(seen, events)
    if events[0].type == "FactObserved" and name not in {"ObserveFact", "ReportAdjustmentExecuted"}:
        made = {**_of_late_report(name, events[0]), **made}
    return made


def _of_late_report(name: str, recorded: Recorded[Any]) -> Alternatives:
    """A late report is worth no more than that it came: what else it said was not looked at."""
    event = recorded.event
    found = LATE.fullmatch(event.description)
    assert found is not None
    somewhere = event.observed_digest or recorded.request_hash
    unread: dict[str, Sequence[Any]] = {
        "phase": ("?",), "error": ("?",), "environment_left": ("unknown",), "snapshot": ("?",),
        "taken_at": (recorded.recorded_at,), "schema_digest": (None,), "source_release": (None,), "migrations": ((),),
        "schema_before": (recorded.request_hash,), "schema_after": (recorded.request_hash,),
        "failed_migration": (None,),
    }  # fmt: skip
    digests = (somewhere,) if name == "ReportDeploySucceeded" else (event.observed_digest,)
    named = {"D": "deploy", "S": "restore", "M": "migration"}[found["of"][0]]
    return {**unread, "observed_digest": digests, named: (found["of"],), "release": (found["release"],)}


def _of_late_execution(recorded: Recorded[Any]) -> Alternatives:
    """An execution that was reported without a lease or a decision: its result was not looked at either."""
    found = AROUND.fullmatch(recorded.event.description)
    assert found is not None
    return {
        "adjustment": (found["adjustment"],), "fencing_token": (int(found["token"]),), "statements": ((),),
        "rows": (0,), "before": (recorded.request_hash,), "after": (recorded.request_hash,), "duration_ms": (0,),
    }  # fmt: skip


def _open_project(seen: Situation, events: Events) -> Alternatives:
    del seen
    issued = [each.event for each in events if each.type == "CredentialIssued"]
    # Which scopes were given with an enrolment is not looked at: it serves once, for a credential of one's own.
    given = [
        tuple(
            CredentialGiven(
                credential=each.credential,
                principal=each.principal,
                secret_digest=each.secret_digest,
                purpose=each.purpose,
                scopes=scopes,
                expires_at=each.expires_at,
            )
            for each in issued
        )
        for scopes in (("read", "write"), ("write",))
    ]
    documents = [each.event.document for each in events if each.type == "PolicyActivated"]
    return {"enrolments": given, "policy": documents}


def _confirm_hotfix(seen: Situation, events: Events) -> Alternatives:
    release = seen.releases.get(told("release", events)[0])
    named = events[0].event.problem
    return {"problem": (named, None) if release is not None and release.problem == named else (named,)}


def _request_deploy(seen: Situation, events: Events) -> Alternatives:
    del seen
    event = events[0].event
    if event.intent == "rollback":
        return {"release": ()}
    # What passed may have been asked `at_window` too; where a problem was found by itself, none may have been named.
    return {"at_window": (event.at_window, True), "problem": (event.problem, None)}


def _request_rollback(seen: Situation, events: Events) -> Alternatives:
    del seen
    event = events[0].event
    return {"release": (None, event.release)} if event.intent == "rollback" else {"environment": ()}


def _report_succeeded(seen: Situation, events: Events) -> Alternatives:
    del seen
    applied = [each.event for each in events if each.type == "MigrationsApplied"]
    return {"migrations": (applied[0].migrations if applied else (),), "schema_digest": told("schema_digest", events)}


def _report_test_run(seen: Situation, events: Events) -> Alternatives:
    """Of a run that was no release's verdict, only verdict, report, counts and log are kept; of old ones no counts."""
    del seen
    for each in events:
        if hasattr(each.event, "suite_digest"):
            return {"counts": (each.event.counts,)}
    failed = int(events[0].event.verdict == "failed")
    now = events[0].recorded_at
    invented = TestCounts(total=1, passed=1 - failed, failed=failed, skipped=0)
    return {
        "counts": (events[0].event.counts or invented,),
        "suite_digest": (events[0].event.report,), "started_at": (now,), "finished_at": (now,),
    }  # fmt: skip


def _abort_test_run(seen: Situation, events: Events) -> Alternatives:
    del events
    return {"hotfix": (None, *(each.name for each in seen.releases.values() if each.kind == "hotfix"))}


def _observe(seen: Situation, events: Events) -> Alternatives:
    del seen
    event = events[0].event
    if events[0].type == "FactObserved":
        return {}
    causes = [each.event.cause for each in events if each.type == "EnvironmentUnsure"]
    descriptions = [cause.removeprefix(f"drift observed by {event.source}: ") for cause in causes]
    return {"kind": ("drift",), "description": descriptions}


def _start_restore(seen: Situation, events: Events) -> Alternatives:
    del seen
    event = events[0].event
    return {"source": (event.subject.rpartition(" from ")[2],) if event.kind == "restore" else ()}


def _start_migration(seen: Situation, events: Events) -> Alternatives:
    del seen
    return {} if events[0].event.kind == "migration" else {"release": ()}


def _lease_only(seen: Situation, events: Events) -> Alternatives:
    """A report whose rehearsal was gone meanwhile leaves nothing but the lease given back."""
    lease = _lease(seen, events)
    if events[0].type != "LeaseReleased" or lease is None or lease.kind != "migration":
        return {}
    place = seen.environment(events[0].event.environment)
    there = place.occupant.migrations if place.occupant is not None else ()
    ran = tuple(_applied(each) for each in there)
    some = events[0].request_hash
    return {
        "release": (lease.work.release,), "migration": (lease.subject.split()[1],), "migrations": (ran,),
        "schema_before": (some,), "schema_after": (some,), "error": ("?",), "failed_migration": (None,),
    }  # fmt: skip


def _applied(migration: Migration) -> AppliedMigration:
    return AppliedMigration(id=migration.id, digest=migration.digest, duration_ms=1)


def _report_erased(seen: Situation, events: Events) -> Alternatives:
    environment = events[0].event.environment
    lease = seen.environment(environment).lease
    tokens = (lease.token, None) if lease is not None else (None,)
    return {"observed": _identified(seen, environment), "fencing_token": tokens}


def _report_problem(seen: Situation, events: Events) -> Alternatives:
    del seen
    return {"release": tuple(dict.fromkeys((events[0].event.release, None)))}


def _rehearsal(seen: Situation, events: Events) -> Alternatives:
    del seen
    activity, _, name = events[0].event.subject.partition(" ")
    return {"adjustment": (name,) if activity == "rehearsal" else ()}


def _start_adjustment(seen: Situation, events: Events) -> Alternatives:
    activity, _, name = events[0].event.subject.partition(" ")
    known = seen.adjustments.get(name)
    if activity != "adjustment" or known is None:
        return {"adjustment": ()}
    return {"adjustment": (name,), "bound_digest": (known.bound_digest,)}


def _commit_adjustment(seen: Situation, events: Events) -> Alternatives:
    event = events[0].event
    known = seen.adjustments.get(event.adjustment)
    rehearsed = known.rehearsal.schema_digest if known is not None and known.rehearsal is not None else None
    places = [place for place in seen.environments.values() if place.identity == event.identity]
    schemas = dict.fromkeys([rehearsed, *(place.mark.schema_digest for place in places), None])
    observed = tuple(Observed(identity=event.identity, schema_digest=schema) for schema in schemas)
    return {"observed": observed, "effect_holds": (True,)}


def _reported(seen: Situation, events: Events) -> Alternatives:
    del seen
    event = events[0].event
    if isinstance(event, FactObserved):
        return _of_late_execution(events[0])
    return {"adjustment": ()} if event.by_marker else {}


def _resolve_adjustment(seen: Situation, events: Events) -> Alternatives:
    event = events[0].event
    known = seen.adjustments.get(event.adjustment)
    if not event.by_marker or known is None or known.attempt is None:
        return {"adjustment": ()}
    outcome = "executed" if events[0].type == "DataAdjustExecuted" else "rolled_back"
    observed = [each for place in seen.environments for each in _identified(seen, place)]
    return {"marker": (known.attempt.marker,), "outcome": (outcome,), "observed": observed}


SPECIAL: dict[str, Callable[[Situation, Events], Alternatives]] = {
    "OpenProject": _open_project,
    "ConfirmHotfix": _confirm_hotfix,
    "RequestDeploy": _request_deploy,
    "RequestRollback": _request_rollback,
    "ReportDeploySucceeded": _report_succeeded,
    "ReportTestRun": _report_test_run,
    "AbortTestRun": _abort_test_run,
    "ObserveFact": _observe,
    "StartRestore": _start_restore,
    "StartMigration": _start_migration,
    "ReportMigrated": _lease_only,
    "ReportMigrationFailed": _lease_only,
    "ReportErased": _report_erased,
    "ReportProblem": _report_problem,
    "StartAdjustmentRehearsal": _rehearsal,
    "StartAdjustment": _start_adjustment,
    "CommitAdjustment": _commit_adjustment,
    "ReportAdjustmentExecuted": _reported,
    "ReportAdjustmentFailed": _reported,
    "ResolveAdjustment": _resolve_adjustment,
}
