"""What honest runners say: that a deploy, a test run, a restore or a migration begins, and how it ends."""

from __future__ import annotations

from typing import Any

from interlock.domain.commands import deploy as c_deploy
from interlock.domain.commands import environment as c_env
from interlock.domain.commands import evidence as c_evidence
from interlock.domain.situation import Environment, Lease
from interlock.events.catalogue.parts import AppliedMigration, TestCounts
from tests.proof.ghost import AREAS, PRODUCTION, STAGE, TESTS
from tests.proof.people import NEW_TEST, RUNNER, VERA, digest, observed
from tests.proof.world import State, give

ALL_AREAS = tuple(sorted(AREAS))


def start(state: State, release: str, place: str) -> State | None:
    """Start what was asked for last."""
    request = next(reversed(state.situation.requests.values()))
    command = c_deploy.StartDeploy(release=release, deploy=request.deploy, observed=observed(state, place))
    return give(state, RUNNER, command)


def rehearsed(state: State, release: str) -> State | None:
    """The whole rehearsal of what was just deployed in stage."""
    running = state.situation.environments[PRODUCTION].last_sure
    review = c_evidence.ApproveCodeReview(
        release=release,
        base_release=running.release if running else None,
        commit_range="a..b",
        diff_digest=digest("diff"),
    )
    after = give(state, VERA, review)
    restore = c_env.StartRestore(environment=STAGE, source=PRODUCTION, observed=observed(state, STAGE))
    after = None if after is None else give(after, RUNNER, restore)
    if after is not None:
        after = give(after, RUNNER, restored(after, after.situation.environments[STAGE], after.now))
    if after is not None and after.ghost.releases[release].migrations:
        migrate = c_env.StartMigration(release=release, environment=STAGE, observed=observed(state, STAGE))
        after = give(after, RUNNER, migrate)
        if after is not None:
            stage = after.situation.environments[STAGE]
            assert stage.lease is not None
            after = give(after, RUNNER, migrated(stage, stage.lease))
    core = c_evidence.ApproveManualQA(release=release, environment=STAGE, areas=ALL_AREAS)
    return None if after is None else give(after, VERA, core)


def succeeded(place: Environment) -> Any:
    """The running deploy is done."""
    deploy, lease = place.deploy, place.lease
    assert deploy is not None
    assert lease is not None
    return c_deploy.ReportDeploySucceeded(
        release=deploy.release,
        deploy=deploy.deploy,
        fencing_token=lease.token,
        observed_digest=deploy.content,
        schema_digest=digest(f"schema of {deploy.release}") if place.name == PRODUCTION else None,
    )


def failed(place: Environment, left: Any) -> Any:
    """The running deploy did not work."""
    deploy, lease = place.deploy, place.lease
    assert deploy is not None
    assert lease is not None
    return c_deploy.ReportDeployFailed(
        release=deploy.release, deploy=deploy.deploy, fencing_token=lease.token, phase="x", error="x",
        environment_left=left,
    )  # fmt: skip


def ran(state: State, place: Environment, *, good: bool = True, new: bool = True) -> Any:
    """The test run's report."""
    run, lease = place.run, place.lease
    assert run is not None
    assert lease is not None
    return c_evidence.ReportTestRun(
        environment=TESTS, run=run.run, fencing_token=lease.token, verdict="passed" if good else "failed",
        suite_digest=digest("suite"), report=digest("report"), started_at=state.now, finished_at=state.now,
        counts=TestCounts(total=2, passed=2 if good else 1, failed=0 if good else 1, skipped=0),
        ran=(NEW_TEST,) if new and good else (),
    )  # fmt: skip


def restored(state: State, place: Environment, taken_at: Any) -> Any:
    """The restore worked."""
    lease = place.lease
    assert lease is not None
    return c_env.ReportRestored(
        environment=place.name, restore=lease.subject.split()[1], fencing_token=lease.token, snapshot="dump",
        taken_at=taken_at, schema_digest=state.situation.environment(PRODUCTION).mark.schema_digest,
    )  # fmt: skip


def migrated(place: Environment, lease: Lease) -> Any:
    """The migrations ran."""
    there = place.occupant.migrations if place.occupant is not None else ()
    return c_env.ReportMigrated(
        release=lease.work.release or "", environment=place.name, migration=lease.subject.split()[1],
        fencing_token=lease.token,
        migrations=tuple(AppliedMigration(id=m.id, digest=m.digest, duration_ms=1) for m in there),
        schema_before=digest("before"), schema_after=digest("after"),
    )  # fmt: skip
