"""A release's way to production, with a failed deploy, a problem, a refusal and a rollback on it."""
# Long: one story told in order, and the words that tell it.

from __future__ import annotations

from datetime import timedelta
from typing import Any

from interlock.events.catalogue import adjustment as adj
from interlock.events.catalogue import environment as env
from interlock.events.catalogue import problem as prob
from interlock.events.catalogue import release as rel
from interlock.events.catalogue.ledger import Annotated
from interlock.events.catalogue.parts import (
    AdjustmentPlan,
    AdjustmentTargets,
    AppliedMigration,
    Artifact,
    Commit,
    ExecutedStatement,
    ExpectedEffect,
    Identity,
    Migration,
    Observed,
    TestCounts,
)
from interlock.events.catalogue.refusals import ActionRefused
from interlock.events.catalogue.team import OperatorDesignated, OwnerAssigned, ProjectOpened, RoleRevoked
from interlock.events.decision import CheckOutcome, Decision
from tests.projections.tape import Tape

PURPOSES = {
    "sandbox-anton": "development",
    "tests": "tests",
    "sandbox": "manual-qa",
    "stage": "rehearsal",
    "production": "production",
}


def digest(name: str) -> str:
    return "sha256:" + (name.encode().hex() * 64)[:64]


def allowed(action: str, position: int) -> Decision:
    return Decision(
        action=action,
        result="allowed",
        position=position,
        policy_version=1,
        checks=(CheckOutcome(check="release-open", state="passed"),),
    )


def refused(action: str, position: int) -> Decision:
    return Decision(
        action=action,
        result="refused",
        position=position,
        policy_version=1,
        checks=(
            CheckOutcome(check="release-open", state="passed"),
            CheckOutcome(check="release-window", state="waiting"),
        ),
    )


def opened(tape: Tape, name: str, *, kind: Any = "normal", problem: str | None = None) -> None:
    tape.add(
        f"release/{name}",
        rel.ReleaseOpened(name=name, kind=kind, title=f"What {name} brings", author="anton", problem=problem),
    )


def content(tape: Tape, name: str, made_of: str, *, fixes: tuple[str, ...] = (), migrations: int = 1) -> None:
    commit = Commit(repository="trades", sha="9fceb02", author="anton", time=tape.now)
    tape.add(
        f"release/{name}",
        rel.ReleaseContentSet(
            content_digest=digest(made_of),
            artifacts=(Artifact(purl="pkg:oci/trades@1", digest=digest(made_of)),),
            commits=(commit,),
            head=(),
            fixes=fixes,
            migrations=tuple(Migration(id=f"m{n}", digest=digest(f"m{n}")) for n in range(migrations)),
        ),
    )


def requested(
    tape: Tape,
    name: str,
    made_of: str,
    environment: str,
    deploy: str,
    *,
    at_window: bool = False,
    intent: Any = "promote",
    minutes: float = 1,
) -> int:
    return tape.add(
        f"release/{name}",
        rel.DeployRequested(
            deploy=deploy,
            release=name,
            environment=environment,
            content_digest=digest(made_of),
            intent=intent,
            at_window=at_window,
            expires_at=tape.now + timedelta(days=1),
            decision=allowed(f"deploy {name} to {environment}", tape.position),
        ),
        minutes=minutes,
    )


def started(
    tape: Tape,
    name: str,
    made_of: str,
    environment: str,
    deploy: str,
    *,
    intent: Any = "promote",
    causation: int | None = None,
    replaced: str | None = None,
) -> int:
    lease = f"L-{tape.position}"
    return tape.add(
        f"release/{name}",
        env.LeaseGranted(
            environment=environment,
            lease=lease,
            kind="deploy",
            holder="ci-1",
            subject=f"deploy {deploy}",
            fencing_token=tape.position + 1,
            expires_at=tape.now + timedelta(minutes=15),
            observed=Observed(),
            release=name,
        ),
        rel.DeployStarted(
            deploy=deploy,
            release=name,
            environment=environment,
            content_digest=digest(made_of),
            intent=intent,
            lease=lease,
            fencing_token=tape.position + 1,
            executor="ci-1",
            decision=allowed(f"start {deploy}", tape.position),
            purpose=PURPOSES[environment],  # type: ignore[arg-type]
            replaced_release=replaced,
        ),
        by="ci-1",
        causation=causation,
    )


def succeeded(
    tape: Tape, name: str, made_of: str, environment: str, deploy: str, *more: Any, intent: Any = "promote"
) -> int:
    return tape.add(
        f"release/{name}",
        rel.DeploySucceeded(
            deploy=deploy,
            release=name,
            environment=environment,
            content_digest=digest(made_of),
            intent=intent,
            observed_digest=digest(made_of),
            finished_outside_window=False,
            schema_digest=digest(f"schema of {made_of}"),
        ),
        env.LeaseReleased(environment=environment, lease=f"L-{tape.position - 2}"),
        *more,
        by="ci-1",
        minutes=3,
    )


def failed(tape: Tape, name: str, made_of: str, environment: str, deploy: str, left: Any, *more: Any) -> int:
    return tape.add(
        f"release/{name}",
        rel.DeployFailed(
            deploy=deploy,
            release=name,
            environment=environment,
            content_digest=digest(made_of),
            phase="switch",
            error="it did not come up",
            environment_left=left,
        ),
        env.LeaseReleased(environment=environment, lease=f"L-{tape.position - 2}"),
        *more,
        by="ci-1",
    )


def deployed(tape: Tape, name: str, made_of: str, environment: str, deploy: str, *more: Any) -> None:
    asked = requested(tape, name, made_of, environment, deploy)
    started(tape, name, made_of, environment, deploy, causation=asked)
    succeeded(tape, name, made_of, environment, deploy, *more)


def reported(tape: Tape, problem: str, environment: str, release: str | None, *, severity: Any = "medium") -> int:
    return tape.add(
        f"problem/{problem}",
        prob.ProblemReported(
            problem=problem,
            environment=environment,
            title="quotes freeze",
            severity=severity,
            source="person",
            react_by=tape.now + timedelta(hours=4),
            release=release,
            reporter="qa-1",
        ),
        by="qa-1",
    )


def tested(tape: Tape, name: str, made_of: str, run: str) -> None:
    tape.add(
        f"release/{name}",
        env.TestRunStarted(
            environment="tests",
            run=run,
            trigger="manual",
            lease=f"L-{run}",
            fencing_token=7,
            release=name,
            content_digest=digest(made_of),
        ),
        env.DataErased(environment="tests", cause=run),
        by="ci-1",
    )
    tape.add(
        f"release/{name}",
        rel.TestsPassed(
            run=run,
            content_digest=digest(made_of),
            suite_digest=digest("suite"),
            counts=TestCounts(total=412, passed=412, failed=0, skipped=0),
            started_at=tape.now,
            finished_at=tape.now,
            fencing_token=7,
            report=digest("report"),
        ),
        env.TestRunFinished(environment="tests", run=run, verdict="passed", report=digest("report"), release=name),
        by="ci-1",
    )


def rehearsed(tape: Tape, name: str, made_of: str, deploy: str) -> None:
    stream = f"release/{name}"
    tape.add(
        stream,
        rel.CodeReviewApproved(
            content_digest=digest(made_of), deploy=deploy, commit_range="a..b", diff_digest=digest("diff")
        ),
        by="reviewer-1",
    )
    tape.add(
        stream,
        env.DataRestored(
            environment="stage",
            restore=f"S-{deploy}",
            source="production",
            snapshot="nightly",
            taken_at=tape.now,
            source_release="4.11.0",
        ),
        by="ci-1",
    )
    tape.add(
        stream,
        rel.StageMigrated(
            content_digest=digest(made_of),
            deploy=deploy,
            restore=f"S-{deploy}",
            migration="M-1",
            schema_before=digest("s1"),
            schema_after=digest("s2"),
            migrations=(AppliedMigration(id="m0", digest=digest("m0"), duration_ms=38_000),),
        ),
        by="ci-1",
    )
    tape.add(
        stream,
        rel.ManualQAApproved(
            environment="stage",
            scope="core-and-affected",
            content_digest=digest(made_of),
            deploy=deploy,
            areas=("quotes",),
        ),
        by="qa-2",
    )


def story(project: str = "shop") -> Tape:
    """4.12.0 goes to production and back; what happened on the way is what read models must show."""
    tape = Tape(project)
    tape.add(
        "team",
        ProjectOpened(founders=("admin-1", "admin-2")),
        OwnerAssigned(environment="sandbox-anton", principal="anton"),
        by="serve",
    )
    for environment in PURPOSES:
        identity = Identity(system_identifier="7315", database=environment)
        tape.add("team", env.EnvironmentRegistered(environment=environment, identity=identity), by="admin-1")
    tape.add(
        "environment/production",
        env.EnvironmentBaselined(
            environment="production",
            empty=False,
            asked_by="admin-1",
            confirmed_by="admin-2",
            release="4.11.0",
            content_digest=digest("base"),
        ),
        by="admin-2",
    )
    opened(tape, "4.12.0")
    content(tape, "4.12.0", "first")
    tape.add("release/4.12.0", rel.DevelopmentConfirmed(content_digest=digest("first")))
    deployed(tape, "4.12.0", "first", "sandbox-anton", "D-1")
    content(tape, "4.12.0", "second")
    tape.add("release/4.12.0", rel.EvidenceInvalidated(evidence=("TestsPassed",), cause="new content"))
    deployed(tape, "4.12.0", "second", "tests", "D-2")
    tested(tape, "4.12.0", "second", "R-1")
    deployed(tape, "4.12.0", "second", "sandbox", "D-3")
    first = reported(tape, "P-1", "sandbox", "4.12.0")
    tape.add("problem/P-1", prob.ProblemAcknowledged(problem="P-1"), by="anton", causation=first)
    tape.add("problem/P-1", prob.ProblemDismissed(problem="P-1", reason="a slow network"), by="qa-2")
    tape.add(
        "release/4.12.0",
        rel.ManualQAApproved(environment="sandbox", scope="team", content_digest=digest("second"), deploy="D-3"),
        by="qa-1",
    )
    deployed(tape, "4.12.0", "second", "stage", "D-4")
    rehearsed(tape, "4.12.0", "second", "D-4")
    to_production(tape)
    rolled_back(tape)
    adjusted(tape)
    return tape


def to_production(tape: Tape) -> None:
    stream = "release/4.12.0"
    action = "deploy 4.12.0 to production"
    tape.add(
        "refusals/anton",
        ActionRefused(
            action=action, subject="release/4.12.0", fingerprint=digest("f"), decision=refused(action, tape.position)
        ),
    )
    asked = requested(tape, "4.12.0", "second", "production", "D-5", at_window=True)
    tape.add(
        stream,
        rel.DeployReady(
            deploy="D-5", release="4.12.0", environment="production", decision=allowed("start D-5", tape.position)
        ),
        by="watch",
        minutes=600,
    )
    started(tape, "4.12.0", "second", "production", "D-5", causation=asked, replaced="4.11.0")
    failed(tape, "4.12.0", "second", "production", "D-5", "unchanged")
    requested(tape, "4.12.0", "second", "production", "D-6", minutes=5)
    started(tape, "4.12.0", "second", "production", "D-6", replaced="4.11.0")
    succeeded(tape, "4.12.0", "second", "production", "D-6", rel.ReleaseCompleted(deploy="D-6"))
    tape.add(
        "environment/production",
        env.LogsChecked(environment="production", since=tape.now, until=tape.now, result="clean", release="4.12.0"),
    )
    tape.add("annotations/1", Annotated(target=asked, kind="remark", text="this one waited over night"), by="qa-1")


def rolled_back(tape: Tape) -> None:
    reported(tape, "P-2", "production", "4.12.0", severity="critical")
    started(tape, "4.11.0", "base", "production", "D-7", intent="rollback", replaced="4.12.0")
    succeeded(tape, "4.11.0", "base", "production", "D-7", intent="rollback")
    opened(tape, "4.12.1", kind="hotfix", problem="P-2")
    content(tape, "4.12.1", "fix", fixes=("P-2",))
    tape.add("release/4.12.1", rel.HotfixConfirmed(content_digest=digest("fix"), problem="P-2"), by="qa-2")
    tape.add("release/4.12.1", rel.ReleaseHeld(reason="wait for the exchange"), by="release-manager")


PRODUCTION = Identity(system_identifier="7315", database="production")


def plan(name: str, made_of: str) -> AdjustmentPlan:
    return AdjustmentPlan(
        purpose=f"fills of {name} have the wrong venue",
        script_digest=digest(f"{made_of} script"),
        targets=AdjustmentTargets(environment="production", identity=PRODUCTION, tables=("trades.fills",)),
        precondition_digest=digest("before"),
        expected_effect=ExpectedEffect(rows_min=14, rows_max=14, queries_digest=digest("effect")),
        undo_digest=digest("undo"),
        risk="normal",
    )


def adjustment_requested(
    tape: Tape, name: str, *, by: str = "anton", reverts: str | None = None, causation: int | None = None
) -> int:
    return tape.add(
        "x",
        adj.DataAdjustRequested(
            adjustment=name,
            plan=plan(name, "first"),
            bound_digest=digest(name),
            expires_at=tape.now + timedelta(days=7),
            reverts=reverts,
        ),
        by=by,
        causation=causation,
    )


def adjustment_lease(tape: Tape, environment: str, subject: str, holder: str) -> env.LeaseGranted:
    return env.LeaseGranted(
        environment=environment,
        lease=f"L-{tape.position}",
        kind="adjustment",
        holder=holder,
        subject=subject,
        fencing_token=tape.position + 1,
        expires_at=tape.now + timedelta(minutes=15),
        observed=Observed(),
    )


def adjustment_rehearsed(tape: Tape, name: str, *, good: bool = True) -> int:
    granted = adjustment_lease(tape, "stage", f"rehearsal {name}", "ci-1")
    tape.add("x", granted, by="ci-1")
    released = env.LeaseReleased(environment="stage", lease=granted.lease)
    if not good:
        failed = adj.DataAdjustRehearsalFailed(
            adjustment=name, environment="stage", bound_digest=digest(name), lease=granted.lease, error="15 rows"
        )
        return tape.add("x", failed, released, by="ci-1")
    done = adj.DataAdjustRehearsed(
        adjustment=name,
        environment="stage",
        bound_digest=digest(name),
        lease=granted.lease,
        restore="S-1",
        data_taken_at=tape.now,
        schema_digest=digest("s2"),
        statements=(ExecutedStatement(digest=digest("update"), command="UPDATE 14", rows=14),),
        rows=14,
        before=digest("old rows"),
        after=digest("new rows"),
        duration_ms=300,
    )
    return tape.add("x", done, released, by="ci-1")


def adjustment_verified(tape: Tape, name: str, *, by: str, ordinal: int = 1, more: tuple[Any, ...] = ()) -> int:
    verified = adj.DataAdjustVerified(
        adjustment=name, ordinal=ordinal, method="read it", bound_digest=digest(name), rehearsal=1
    )
    return tape.add("x", verified, *more, by=by)


def authorized_of(tape: Tape, name: str, operator: str) -> adj.DataAdjustAuthorized:
    return adj.DataAdjustAuthorized(
        adjustment=name,
        bound_digest=digest(name),
        verifications=(1, 2),
        operator=operator,
        valid_until=tape.now + timedelta(days=1),
        decision=allowed(f"authorize {name}", tape.position),
    )


def adjustment_authorized(tape: Tape, name: str, *, operator: str = "ben") -> int:
    return tape.add("x", authorized_of(tape, name, operator), by="watch")


def adjustment_begun(tape: Tape, name: str, *, by: str = "ben") -> env.LeaseGranted:
    """The lease, the backup, and the moment from which on it may have been committed."""
    granted = adjustment_lease(tape, "production", f"adjustment {name}", by)
    tape.add("x", granted, by=by)
    kept = adj.DataAdjustBackupTaken(
        adjustment=name,
        lease=granted.lease,
        backup_digest=digest("backup"),
        place=f"/backups/{name}",
        rows=14,
        size_bytes=2_048,
    )
    tape.add("x", kept, by=by)
    began = adj.DataAdjustStarted(
        adjustment=name,
        lease=granted.lease,
        fencing_token=granted.fencing_token,
        bound_digest=digest(name),
        identity=PRODUCTION,
        marker=f"{name}/{granted.fencing_token}",
        rows=14,
        before=digest("old rows"),
        after=digest("new rows"),
        decision=allowed(f"commit {name}", tape.position),
    )
    tape.add("x", began, by=by)
    return granted


def adjustment_executed(tape: Tape, name: str, *, by: str = "ben", by_marker: bool = False) -> int:
    done = adj.DataAdjustExecuted(
        adjustment=name,
        bound_digest=digest(name),
        statements=(ExecutedStatement(digest=digest("update"), command="UPDATE 14", rows=14),),
        rows=14,
        before=digest("old rows"),
        after=digest("new rows"),
        executed_by=by,
        duration_ms=300,
        by_marker=by_marker,
    )
    return tape.add("x", done, env.LeaseReleased(environment="production", lease=held(tape, name)), by=by)


def adjustment_failed(tape: Tape, name: str, transaction: Any, *, by: str = "ben", unsure: bool = False) -> int:
    failed = adj.DataAdjustFailed(adjustment=name, transaction=transaction, error="the connection was lost")
    doubt = [env.EnvironmentUnsure(environment="production", cause=f"{name} is lost")] * unsure
    return tape.add("x", failed, env.LeaseReleased(environment="production", lease=held(tape, name)), *doubt, by=by)


def held(tape: Tape, name: str) -> str:
    """The newest lease of the adjustment."""
    leases = [e.event for e in tape.events if e.type == "LeaseGranted" and e.event.subject.endswith(f" {name}")]
    return str(leases[-1].lease)


def adjusted(tape: Tape) -> None:
    """ADJ-1 is refused, amended, loses a verifier and its operator, fails, is executed, disputed and reverted."""
    tape.add("team", OperatorDesignated(environment="production", principal="ben"), by="admin-2")
    asked = adjustment_requested(tape, "ADJ-1")
    refusal = ActionRefused(
        action="verify ADJ-1",
        subject="adjustment/ADJ-1",
        fingerprint=digest("f"),
        decision=refused("verify ADJ-1", tape.position),
    )
    tape.add("refusals/anton", refusal)
    adjustment_rehearsed(tape, "ADJ-1", good=False)
    adjustment_rehearsed(tape, "ADJ-1")
    adjustment_verified(tape, "ADJ-1", by="qa-1")
    amended = adj.DataAdjustAmended(
        adjustment="ADJ-1", plan=plan("ADJ-1", "second"), bound_digest=digest("ADJ-1"), reason="one row more"
    )
    tape.add("x", amended)
    adjustment_rehearsed(tape, "ADJ-1")
    adjustment_verified(tape, "ADJ-1", by="qa-1")
    adjustment_verified(tape, "ADJ-1", by="qa-2", ordinal=2, more=(authorized_of(tape, "ADJ-1", "ben"),))
    tape.add("team", OperatorDesignated(environment="production", principal="qa-2"), by="admin-2")
    tape.add("team", OperatorDesignated(environment="production", principal="ben"), by="admin-2")
    adjustment_verified(tape, "ADJ-1", by="qa-3", ordinal=2, more=(authorized_of(tape, "ADJ-1", "ben"),))
    tape.add("x", adj.DataAdjustExpired(adjustment="ADJ-1", what="authorization"), by="watch", minutes=1_440)
    adjustment_verified(tape, "ADJ-1", by="qa-1")
    adjustment_verified(tape, "ADJ-1", by="qa-4", ordinal=2)
    tape.add("team", RoleRevoked(principal="qa-4", role="verifier", reason="another task"), by="admin-1")
    adjustment_verified(tape, "ADJ-1", by="qa-3", ordinal=3, more=(authorized_of(tape, "ADJ-1", "ben"),))
    adjustment_begun(tape, "ADJ-1")
    adjustment_failed(tape, "ADJ-1", "rolled_back")
    adjustment_begun(tape, "ADJ-1")
    adjustment_executed(tape, "ADJ-1")
    tape.add(
        "x", adj.DataAdjustResultDisputed(adjustment="ADJ-1", reason="the venue is another", problem="P-3"), by="qa-2"
    )
    tape.add("annotations/2", Annotated(target=asked, kind="correction", text="the venue was right"), by="qa-1")
    adjustment_requested(tape, "ADJ-2", reverts="ADJ-1")
    adjustment_begun(tape, "ADJ-2")
    adjustment_failed(tape, "ADJ-2", "unknown")
    adjustment_executed(tape, "ADJ-2", by_marker=True)
    tape.add("x", adj.DataAdjustReverted(adjustment="ADJ-1", by="ADJ-2"), by="ben")
