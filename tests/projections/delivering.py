"""Three weeks of deployments, at hours that make every figure easy to work out by hand.

| deploy | what                  | started to ended           | afterwards                                       |
|--------|-----------------------|----------------------------|--------------------------------------------------|
| D-1    | 1.0, in the window    | Sat 7th, 09:00 to 09:10    | P-1 at 10:00: failed                             |
| D-2    | back to 0.9, for P-1  | Sat 7th, 10:20 to 10:30    | mends D-1                                        |
| D-3    | 1.0.1, a hotfix for P-1 | Sat 7th, 13:00 to 13:10    | failed, production partly changed: P-2           |
| D-4    | 1.0.1 again, for P-2  | Sat 7th, 14:00 to 14:05    | mends D-3                                        |
| D-5    | 1.1, in the window    | Sun 15th, 10:00 to 10:10   |                                                  |
| D-6    | 1.2, in the window    | Sat 21st, 09:00 to 09:20   | lost: its lease expired; P-3; confirmed at 10:00 |
| D-7    | 1.2 again, for P-3    | Sun 22nd, 09:00 to 09:05   | failed, production unchanged                     |
| D-8    | 1.2 again, for P-3    | Sun 22nd, 10:00 to 10:10   |                                                  |
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from interlock.events.catalogue import environment as env
from interlock.events.catalogue import problem as prob
from interlock.events.catalogue import release as rel
from interlock.events.catalogue.parts import AppliedMigration, Artifact, Commit, Observed, TestCounts
from interlock.events.decision import CheckOutcome, Decision
from interlock.events.fact import replace
from tests.projections.story import PURPOSES, digest
from tests.projections.tape import Tape

Commits = tuple[tuple[str, str], ...]


def when(day_and_time: str) -> datetime:
    """ "07 09:10" is the 7th of November 2026 at 09:10 GMT."""
    return datetime.fromisoformat(f"2026-11-{day_and_time}").replace(tzinfo=UTC)


class Written:
    """A tape on which each event has its own instant."""

    def __init__(self) -> None:
        self.tape = Tape(now=when("02 09:00"))
        self.leases = 0
        self.positions: dict[str, int] = {}

    def at(self, instant: str, stream: str, *events: Any, by: str = "anton") -> int:
        self.tape.now = when(instant)
        return self.tape.add(stream, *events, by=by, minutes=0)

    def opened(self, instant: str, release: str, problem: str | None = None) -> None:
        kind: Any = "hotfix" if problem else "normal"
        event = rel.ReleaseOpened(name=release, kind=kind, title=release, author="anton", problem=problem)
        self.at(instant, f"release/{release}", event)

    def content(self, instant: str, release: str, commits: Commits) -> None:
        event = rel.ReleaseContentSet(
            content_digest=digest(release),
            artifacts=(Artifact(purl="pkg:oci/trades@1", digest=digest(release)),),
            commits=tuple(
                Commit(repository="trades", sha=f"{sha.encode().hex():0<40}", author="anton", time=when(time))
                for sha, time in commits
            ),
            head=(),
        )
        self.positions[f"content {release}"] = self.at(instant, f"release/{release}", event)

    def confirmed(self, instant: str, release: str) -> None:
        self.at(instant, f"release/{release}", rel.DevelopmentConfirmed(content_digest=digest(release)))

    def approved(self, instant: str, release: str, environment: str) -> None:
        scope: Any = "core-and-affected" if environment == "stage" else "team"
        event = rel.ManualQAApproved(environment=environment, scope=scope, content_digest=digest(release))
        self.at(instant, f"release/{release}", event, by="qa-1")

    def held(self, instant: str, release: str, environment: str, kind: Any, *events: Any) -> None:
        self.leases += 1
        lease = env.LeaseGranted(
            environment=environment,
            lease=f"L-{self.leases}",
            kind=kind,
            holder="ci-1",
            subject=f"{kind} {self.leases}",
            fencing_token=self.leases,
            expires_at=when(instant),
            observed=Observed(),
            release=release,
        )
        self.at(instant, f"release/{release}", lease, *events, by="ci-1")

    def free(self, environment: str) -> env.LeaseReleased:
        return env.LeaseReleased(environment=environment, lease=f"L-{self.leases}")

    def begun(
        self,
        begins: str,
        release: str,
        environment: str,
        deploy: str,
        *,
        problem: str | None = None,
        back: bool = False,
    ) -> None:
        state: Any = "not_applicable" if problem else "passed"
        decision = Decision(
            action=f"deploy {release} to {environment}",
            result="allowed",
            position=self.tape.position,
            policy_version=1,
            checks=(CheckOutcome(check="release-window", state=state),),
        )
        event = rel.DeployStarted(
            deploy=deploy,
            release=release,
            environment=environment,
            content_digest=digest(release),
            intent="rollback" if back else "promote",
            lease=f"L-{self.leases + 1}",
            fencing_token=self.leases + 1,
            executor="ci-1",
            decision=decision,
            purpose=PURPOSES[environment],  # type: ignore[arg-type]
            problem=problem,
        )
        self.held(begins, release, environment, "deploy", event)

    def deployed(
        self,
        begins: str,
        ends: str,
        release: str,
        environment: str,
        deploy: str,
        *,
        left: Any = None,
        problem: str | None = None,
        back: bool = False,
    ) -> None:
        self.begun(begins, release, environment, deploy, problem=problem, back=back)
        made: dict[str, Any] = {
            "deploy": deploy,
            "release": release,
            "environment": environment,
            "content_digest": digest(release),
        }
        ended: Any = rel.DeploySucceeded(
            **made,
            intent="rollback" if back else "promote",
            observed_digest=digest(release),
            finished_outside_window=False,
        )
        if left is not None:
            ended = rel.DeployFailed(**made, phase="switch", error="it did not come up", environment_left=left)
        last = self.at(ends, f"release/{release}", ended, self.free(environment), by="ci-1")
        self.positions[deploy] = last - 1

    def reported(self, instant: str, problem: str, release: str, failed_deploy: str | None = None) -> None:
        event = prob.ProblemReported(
            problem=problem,
            environment="production",
            title="orders are slow",
            severity="high",
            source="person" if failed_deploy is None else "failed-deploy",
            react_by=when(instant),
            release=release,
            failed_deploy=failed_deploy,
        )
        self.positions[problem] = self.at(instant, f"problem/{problem}", event, by="qa-1")


def first_release(written: Written) -> None:
    """1.0: everything on its way has its hour; what it fails by, and how that is mended."""
    written.opened("02 09:00", "1.0")
    written.content("03 12:00", "1.0", (("a1", "02 10:00"), ("a2", "03 10:00")))
    written.confirmed("03 14:00", "1.0")
    written.deployed("03 14:30", "03 14:40", "1.0", "tests", "D-1-tests")
    written.held("03 14:40", "1.0", "tests", "test-run")
    passed = rel.TestsPassed(
        run="T-1",
        content_digest=digest("1.0"),
        suite_digest=digest("suite"),
        counts=TestCounts(total=1, passed=1, failed=0, skipped=0),
        started_at=when("03 14:40"),
        finished_at=when("03 15:00"),
        fencing_token=1,
        report=digest("report"),
    )
    written.at("03 15:00", "release/1.0", passed, written.free("tests"), by="ci-1")
    written.deployed("03 16:00", "03 16:10", "1.0", "sandbox", "D-1-sandbox")
    written.approved("04 10:10", "1.0", "sandbox")
    written.deployed("04 11:00", "04 11:10", "1.0", "stage", "D-1-stage")
    review = rel.CodeReviewApproved(
        content_digest=digest("1.0"), deploy="D-1-stage", commit_range="a..b", diff_digest=digest("diff")
    )
    written.at("04 12:10", "release/1.0", review, by="reviewer-1")
    written.held("04 13:00", "1.0", "stage", "restore")
    written.at("04 13:30", "environment/stage", written.free("stage"), by="ci-1")
    written.held("04 13:30", "1.0", "stage", "migration")
    migrated = rel.StageMigrated(
        content_digest=digest("1.0"),
        deploy="D-1-stage",
        migration="M-1",
        migrations=(AppliedMigration(id="m1", digest=digest("m1"), duration_ms=9),),
        schema_before=digest("s1"),
        schema_after=digest("s2"),
    )
    written.at("04 13:40", "release/1.0", migrated, written.free("stage"), by="ci-1")
    written.approved("05 09:40", "1.0", "stage")
    # The nightly run passes again while it waits for the window: it waits for the window all the same.
    written.held("06 00:00", "1.0", "tests", "test-run")
    again = replace(passed, run="T-2", started_at=when("06 00:00"), finished_at=when("06 00:30"))
    written.at("06 00:30", "release/1.0", again, written.free("tests"), by="ci-1")
    written.deployed("07 09:00", "07 09:10", "1.0", "production", "D-1")
    written.reported("07 10:00", "P-1", "1.0")
    written.deployed("07 10:20", "07 10:30", "0.9", "production", "D-2", problem="P-1", back=True)


def hotfix(written: Written) -> None:
    """1.0.1: it contains what 1.0 brought, and one change more."""
    written.opened("07 10:40", "1.0.1", problem="P-1")
    written.content("07 11:10", "1.0.1", (("a1", "02 10:00"), ("a2", "03 10:00"), ("h1", "07 11:00")))
    written.confirmed("07 11:20", "1.0.1")
    confirmed = rel.HotfixConfirmed(content_digest=digest("1.0.1"), problem="P-1")
    written.at("07 11:30", "release/1.0.1", confirmed, by="rm-1")
    written.deployed("07 13:00", "07 13:10", "1.0.1", "production", "D-3", problem="P-1", left="partial")
    written.reported("07 13:10", "P-2", "1.0.1", "D-3")
    written.deployed("07 14:00", "07 14:05", "1.0.1", "production", "D-4", problem="P-2")


def quiet_release(written: Written) -> None:
    """1.1: it missed Saturday's window, and had to wait for Sunday's."""
    written.opened("09 09:00", "1.1")
    written.content("09 11:00", "1.1", (("b1", "09 09:00"),))
    written.confirmed("09 12:00", "1.1")
    written.approved("13 12:00", "1.1", "stage")
    written.deployed("15 10:00", "15 10:10", "1.1", "production", "D-5")


def lost_release(written: Written) -> None:
    """1.2: its first deploy is lost, its second changes nothing, its third succeeds."""
    written.opened("16 09:00", "1.2")
    written.content("16 09:30", "1.2", (("c1", "16 09:00"),))
    written.confirmed("16 10:00", "1.2")
    written.approved("20 12:00", "1.2", "stage")
    written.begun("21 09:00", "1.2", "production", "D-6")
    expired = env.LeaseExpired(environment="production", lease=f"L-{written.leases}")
    unsure = env.EnvironmentUnsure(environment="production", cause="the lease of deploy D-6 expired")
    written.positions["D-6"] = written.at("21 09:20", "environment/production", expired, unsure, by="watch")
    written.reported("21 09:20", "P-3", "1.2", "D-6")
    known = env.EnvironmentConfirmed(
        environment="production", state="content", asked_by="rm-1", confirmed_by="admin-1", release="1.1"
    )
    written.positions["confirmed"] = written.at("21 10:00", "environment/production", known, by="admin-1")
    written.deployed("22 09:00", "22 09:05", "1.2", "production", "D-7", problem="P-3", left="unchanged")
    written.deployed("22 10:00", "22 10:10", "1.2", "production", "D-8", problem="P-3")


def delivering() -> Written:
    """The whole of it."""
    written = Written()
    first_release(written)
    hotfix(written)
    quiet_release(written)
    lost_release(written)
    return written
