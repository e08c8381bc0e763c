"""A long walk through the rules: mostly what helps a release on, and now and then anything at all.

Everything random comes from one seed, so that a walk which finds something can be walked again.
"""
# Long: one walker: everything that it may do, in the order of the flow, draws from one seed.

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

from interlock.domain.commands.deploy import (
    CancelDeploy,
    ReportDeployFailed,
    ReportDeploySucceeded,
    RequestDeploy,
    RequestRollback,
    StartDeploy,
)
from interlock.domain.commands.environment import (
    BreakLease,
    CheckLogs,
    FreezeEnvironment,
    MarkDataClean,
    MarkDataCorrupt,
    ObserveFact,
    ReportErased,
    ReportMigrated,
    ReportMigrationFailed,
    ReportRestored,
    ReportRestoreFailed,
    StartMigration,
    StartRestore,
    StateContent,
    UnfreezeEnvironment,
)
from interlock.domain.commands.evidence import (
    AbortTestRun,
    ApproveCodeReview,
    ApproveManualQA,
    RejectCodeReview,
    RejectManualQA,
    ReportTestRun,
    StartTestRun,
    WithdrawCodeReview,
    WithdrawManualQA,
)
from interlock.domain.commands.governance import ConfirmAsked
from interlock.domain.commands.problem import DismissProblem, ReopenProblem, ReportProblem, ResolveProblem
from interlock.domain.commands.release import (
    ConfirmDevelopment,
    ConfirmHotfix,
    HoldRelease,
    LiftReleaseHold,
    OpenRelease,
    WithdrawRelease,
)
from interlock.domain.errors import InvalidCommand, NotFound
from interlock.events.catalogue.parts import AppliedMigration, TestCounts
from tests.domain import adjusting
from tests.domain.story import (
    ALL_AREAS,
    DEVELOPMENT,
    PEOPLE,
    PRODUCTION,
    SANDBOX,
    STAGE,
    TESTS,
    Story,
    digest,
)
from tests.domain.walk_of_adjustments import Adjusting

ORDER = (DEVELOPMENT, TESTS, SANDBOX, STAGE, PRODUCTION)
RELEASES_AT_ONCE = 2
WHIM = 0.1
ADJUSTS = 0.35
WHIM_OF_ADJUSTMENTS = 0.25


class Walk:
    """One story, gone on with at random."""

    def __init__(self, seed: int) -> None:
        """Production runs 4.11.0, a scratch database is registered, and nothing else is there."""
        self.random = Random(seed)
        self.story: Story = adjusting.scratch_registered()
        self.adjustments = Adjusting(self.story, self.random)
        self.opened = 0

    def go(self, steps: int) -> Story:
        """Take so many steps."""
        for _ in range(steps):
            adjusts = self.random.random() < ADJUSTS
            if adjusts and self.random.random() < WHIM_OF_ADJUSTMENTS:
                self.adjustments.whim()
            elif adjusts:
                self.adjustments.help()
            elif self.random.random() < WHIM:
                self.whim()
            else:
                self.help()
        return self.story

    def ask(self, who: str, command: Any) -> bool:
        """Give the command; whether it was accepted. What contradicts itself counts as not given."""
        try:
            return type(self.story.ask(who, command)).__name__ == "Accepted"
        except (NotFound, InvalidCommand):
            return False

    def any_of(self, things: Any) -> Any:
        """One of them; None where there are none."""
        things = list(things)
        return self.random.choice(things) if things else None

    # -- what helps -------------------------------------------------------------------------------------

    def help(self) -> None:
        """Do the next sensible thing: finish what runs, or bring a release a step further."""
        busy = [place for place in self.story.situation.environments.values() if place.lease is not None]
        if busy and self.random.random() < 0.8:
            self.finish(self.any_of(busy))
            return
        releases = [release.name for release in self.story.situation.releases.values() if release.open]
        if len(releases) < RELEASES_AT_ONCE and self.random.random() < 0.3:
            self.open()
            return
        name = self.any_of(releases)
        if name is None:
            self.open()
            return
        self.advance(name)

    def open(self) -> None:
        """One more release, or a hotfix where there is a reason for one."""
        self.opened += 1
        name = f"5.{self.opened}.0"
        problem = self.any_of(p.problem for p in self.story.situation.problems.values() if p.environment == PRODUCTION)
        kind = "hotfix" if problem is not None and self.random.random() < 0.5 else "normal"
        who = self.any_of(("anton", "dora"))
        self.ask(who, OpenRelease(name=name, kind=kind, title=name, problem=problem if kind == "hotfix" else None))  # type: ignore[arg-type]
        self.content(name)

    def content(self, name: str) -> None:
        """A content that takes in what production runs, mostly."""
        running_now = self.story.situation.environment(PRODUCTION).last_sure
        contains = {running_now.release} if running_now is not None else set()
        release = self.story.situation.releases.get(name)
        if release is not None and release.content is not None:
            contains |= release.content.contains
        problems = self.story.situation.problems
        fixes = tuple(p for p in problems if problems[p].environment == PRODUCTION and self.random.random() < 0.7)
        salt = str(self.random.randrange(3))
        more: dict[str, Any] = {"migrations": ()} if self.random.random() < 0.3 else {}
        self.ask(
            self.any_of(("anton", "dora")),
            self.story.content(name, salt=salt, contains=tuple(sorted(contains - {name})), fixes=fixes, **more),
        )

    def advance(self, name: str) -> None:
        """What the gate of the next environment asks for first, or the deploy itself."""
        story = self.story
        for target in ORDER:
            if name not in story.situation.releases:
                return
            decision = story.gate(name, target)
            reached = target in story.situation.releases[name].reached
            missing = [outcome.check for outcome in decision.missing]
            present = story.situation.environment(target).occupant
            if reached and target != STAGE:
                continue
            if reached and present is not None and present.release == name:
                continue
            if missing:
                self.mend(name, target, missing[0] if self.random.random() < 0.8 else self.any_of(missing))
                return
            self.deploy(name, target)
            return

    def deploy(self, name: str, target: str) -> bool:
        """Ask for it, and start it."""
        accepted = self.ask("anton", RequestDeploy(release=name, environment=target))
        for request in list(self.story.situation.requests.values()):
            if (request.release, request.environment) == (name, target):
                observed = self.story.observed(target)
                self.ask("ci-1", StartDeploy(release=name, deploy=request.deploy, observed=observed))
        return accepted

    def mend(self, name: str, target: str, check: str) -> None:
        """What somebody would do about this check."""
        story, release = self.story, self.story.situation.releases[name]
        running_now = story.situation.environment(PRODUCTION).last_sure
        base = running_now.release if running_now is not None else None
        actions: dict[str, Callable[[], Any]] = {
            "content-current": lambda: self.content(name),
            "environment-order": lambda: None,
            "development-confirmed": lambda: (
                self.ask("anton", ConfirmDevelopment(release=name)) or self.deploy(name, DEVELOPMENT)
            ),
            "tests-passed": lambda: self.test() or self.deploy(name, TESTS),
            "manual-qa-approved": lambda: (
                self.ask("qa-1", ApproveManualQA(release=name, environment=SANDBOX)) or self.deploy(name, SANDBOX)
            ),
            "release-present": lambda: self.deploy(name, STAGE),
            "code-reviewed": lambda: (
                self.ask(
                    "reviewer-1",
                    ApproveCodeReview(release=name, commit_range="v1..v2", diff_digest=digest("d"), base_release=base),
                )
                or self.deploy(name, STAGE)
            ),
            "production-data-restored": self.restore,
            "migrations-passed": lambda: (
                self.ask("ci-1", StartMigration(release=name, environment=STAGE, observed=story.observed(STAGE)))
                or self.restore()
            ),
            "core-areas-approved": lambda: self.ask(
                "qa-2", ApproveManualQA(release=name, environment=STAGE, areas=(*ALL_AREAS, *release.affected_areas))
            ),
            "rehearsal-current": lambda: self.deploy(name, STAGE),
            "includes-production": lambda: self.content(name),
            "hotfix-confirmed": lambda: self.ask(
                "rm-1", ConfirmHotfix(release=name, problem=self.any_of(story.situation.problems))
            ),
            "no-open-problem": lambda: self.ask(
                "rm-1", ResolveProblem(problem=self.any_of(story.situation.problems) or "P-0", how="done")
            ),
            "release-window": self.wait,
            "log-watch-current": self.logs,
            "no-hold": lambda: self.ask("rm-1", LiftReleaseHold(release=name, reason="go on")),
            "no-freeze": lambda: self.ask("rm-1", UnfreezeEnvironment(environment=target, reason="go on")),
            "environment-sure": lambda: self.state(target),
            "environment-free": lambda: self.finish(story.situation.environment(target)),
            "not-rolled-back": lambda: self.content(name),
        }
        actions.get(check, lambda: None)()

    def wait(self) -> None:
        """Until the next Saturday or Sunday at nine, or a while."""
        moment = self.story.now.replace(hour=9, minute=0, second=0, microsecond=0)
        while moment <= self.story.now or moment.weekday() < 5:
            moment += timedelta(days=1)
        if self.random.random() < 0.3:
            moment = self.story.now + timedelta(minutes=self.random.randrange(1, 90))
        self.story.at(moment)
        self.logs()

    def logs(self) -> None:
        since = self.story.situation.environment(PRODUCTION).logs_from
        if since is not None and since < self.story.now:
            self.ask("qa-1", CheckLogs(environment=PRODUCTION, since=since, until=self.story.now, result="clean"))

    def test(self) -> bool:
        trigger = self.any_of(("manual", "scheduled"))
        return self.ask("ci-1", StartTestRun(environment=TESTS, trigger=trigger, observed=self.story.observed(TESTS)))

    def restore(self, environment: str = STAGE) -> bool:
        self.story.tick(minutes=1)
        source = self.any_of((PRODUCTION, PRODUCTION, PRODUCTION, STAGE, SANDBOX))
        return self.ask(
            "ci-1", StartRestore(environment=environment, source=source, observed=self.story.observed(environment))
        )

    def state(self, environment: str) -> None:
        place = self.story.situation.environment(environment)
        candidates = [(o.release, o.content) for o in place.history]
        candidates += [(r.name, r.content.digest) for r in self.story.situation.releases.values() if r.content]
        there = self.any_of(candidates)
        if there is None or self.random.random() < 0.1:
            command = StateContent(environment=environment, state=self.any_of(("empty", "mixed")), reason="looked")
        else:
            command = StateContent(
                environment=environment, state="content", release=there[0], content_digest=there[1], reason="looked"
            )
        first, second = self.random.sample(["rm-1", "qa-1", "dora", "anton"], 2)
        if self.ask(first, command):
            for name in list(self.story.situation.asks):
                self.ask(second, ConfirmAsked(ask=name))

    def finish(self, place: Any) -> None:
        """End what runs there, mostly well."""
        lease = place.lease
        if lease is None:
            return
        good, late = self.random.random() < 0.85, self.random.random() < 0.05
        if late:
            self.story.tick(minutes=self.random.choice((5, 15, 20)))
        self.report(place, lease, good=good)

    def report(self, place: Any, lease: Any, *, good: bool) -> None:
        """The report of what runs there."""
        if place.deploy is not None:
            self.report_deploy(place, lease, good=good)
        elif lease.adjustment is not None:
            self.adjustments.help()
        else:
            self.report_work(place, lease, good=good)

    def report_deploy(self, place: Any, lease: Any, *, good: bool) -> None:
        """The deploy worked, or it did not, and left something behind."""
        release, deploy = place.deploy.release, place.deploy.deploy
        if good:
            self.ask(
                "ci-1",
                ReportDeploySucceeded(
                    release=release,
                    deploy=deploy,
                    fencing_token=lease.token,
                    observed_digest=place.deploy.content,
                    schema_digest=digest(release) if place.name == PRODUCTION else None,
                ),
            )
            return
        self.ask(
            "ci-1",
            ReportDeployFailed(
                release=release,
                deploy=deploy,
                fencing_token=lease.token,
                phase="switch",
                error="no",
                environment_left=self.any_of(("unchanged", "unchanged", "partial", "unknown")),
            ),
        )

    def report_work(self, place: Any, lease: Any, *, good: bool) -> None:
        """The test run, the restore or the migration gives its report."""
        # Long: one report for each kind of lease, most of it the commands' own fields.
        name, token, now = lease.subject.split()[1], lease.token, self.story.now
        schema = self.story.situation.environment(PRODUCTION).mark.schema_digest
        match lease.kind:
            case "test-run":
                self.ask(
                    "ci-1",
                    ReportTestRun(
                        environment=TESTS,
                        run=name,
                        fencing_token=token,
                        verdict="passed" if good else "failed",
                        suite_digest=digest("suite"),
                        report=digest(name),
                        started_at=now,
                        finished_at=now,
                        counts=TestCounts(total=9, passed=9 if good else 8, failed=0 if good else 1, skipped=0),
                    ),
                )
            case "restore" if good:
                self.ask(
                    "ci-1",
                    ReportRestored(
                        environment=place.name,
                        restore=name,
                        fencing_token=token,
                        snapshot="dump",
                        taken_at=now,
                        schema_digest=schema,
                    ),
                )
            case "restore":
                self.ask(
                    "ci-1", ReportRestoreFailed(environment=place.name, restore=name, fencing_token=token, error="no")
                )
            case "migration" if good:
                there = place.occupant.migrations if place.occupant is not None else ()
                self.ask(
                    "ci-1",
                    ReportMigrated(
                        release=lease.work.release,
                        environment=STAGE,
                        migration=name,
                        fencing_token=token,
                        migrations=tuple(AppliedMigration(id=m.id, digest=m.digest, duration_ms=1) for m in there),
                        schema_before=digest("1"),
                        schema_after=digest("2"),
                    ),
                )
            case _:
                self.ask(
                    "ci-1",
                    ReportMigrationFailed(
                        release=lease.work.release or "x",
                        environment=STAGE,
                        migration=name,
                        fencing_token=token,
                        error="no",
                    ),
                )

    def rollback(self) -> None:
        """Back, where there is a problem in production, or where one is made up for it."""
        if not any(p.environment == PRODUCTION for p in self.story.situation.problems.values()):
            self.ask("qa-1", ReportProblem(environment=PRODUCTION, title=f"title {len(self.story.events)}"))
        problem = self.any_of(self.story.situation.problems) or "P-1"
        self.ask("rm-1", RequestRollback(environment=PRODUCTION, problem=problem))
        for request in list(self.story.situation.requests.values()):
            if request.intent == "rollback":
                self.ask(
                    "ci-1",
                    StartDeploy(
                        release=request.release, deploy=request.deploy, observed=self.story.observed(PRODUCTION)
                    ),
                )

    def hurry(self, name: str) -> None:
        """Into production, with whatever problem may be named for it."""
        problem = self.any_of(self.story.situation.problems)
        self.ask("anton", RequestDeploy(release=name, environment=PRODUCTION, problem=problem))
        self.deploy(name, PRODUCTION)

    # -- anything at all --------------------------------------------------------------------------------

    def whim(self) -> None:
        """Anybody does anything."""
        # Long: one table of everything that anybody could think of.
        story = self.story
        who = self.any_of((*PEOPLE, "ci-1"))
        name = self.any_of(story.situation.releases) or "5.1.0"
        environment = self.any_of(ORDER)
        problem = self.any_of((*story.situation.problems, "P-1", "P-2", "P-3"))
        request = self.any_of(story.situation.requests.values())
        lease = story.situation.environment(environment).lease
        choices: list[Any] = [
            HoldRelease(release=name, reason="x"),
            LiftReleaseHold(release=name, reason="x"),
            RequestDeploy(release=name, environment=environment, at_window=True),
            RequestDeploy(release=name, environment=environment, problem=problem),
            RequestRollback(environment=PRODUCTION, problem=problem),
            MarkDataCorrupt(environment=environment, reason="x"),
            MarkDataClean(environment=environment, reason="x"),
            FreezeEnvironment(environment=environment, reason="x", until=story.now + timedelta(hours=1)),
            RejectManualQA(release=name, environment=self.any_of((SANDBOX, STAGE)), reason="x"),
            WithdrawManualQA(release=name, environment=self.any_of((SANDBOX, STAGE)), reason="x"),
            ApproveManualQA(release=name, environment=self.any_of((SANDBOX, STAGE)), areas=ALL_AREAS),
            RejectCodeReview(release=name, reason="x"),
            WithdrawCodeReview(release=name, reason="x"),
            ReportProblem(environment=environment, title=f"title {len(story.events)}"),
            ResolveProblem(problem=problem, how="x"),
            DismissProblem(problem=problem, reason="x"),
            ReopenProblem(problem=problem, reason="x"),
            ObserveFact(
                environment=environment,
                kind=self.any_of(("deploy", "restore", "drift", "other")),
                source="cron",
                description=f"seen {len(story.events)}",
                observed_digest=digest(str(len(story.events))),
            ),
            AbortTestRun(environment=TESTS, run="R-1", reason="x", hotfix=name),
            ReportErased(environment=environment, cause="x", observed=story.observed(environment)),
            ConfirmHotfix(release=name, problem=problem),
        ]
        if request is not None:
            choices.append(CancelDeploy(release=request.release, deploy=request.deploy, reason="x"))
            choices.append(
                StartDeploy(
                    release=request.release, deploy=request.deploy, observed=story.observed(request.environment)
                )
            )
        if lease is not None:
            choices.append(BreakLease(environment=environment, lease=lease.lease, reason="x"))
        command = self.any_of(choices)
        if self.random.random() < 0.6:
            who = {
                "RequestRollback": "rm-1",
                "BreakLease": "rm-1",
                "StartDeploy": "ci-1",
                "RequestDeploy": "anton",
                "ResolveProblem": "rm-1",
                "DismissProblem": "rm-1",
                "ConfirmHotfix": "rm-1",
            }.get(type(command).__name__, "qa-1")
        match self.random.randrange(14):
            case 12:
                self.rollback()
            case 13:
                self.hurry(name)
            case 0:
                self.story.tick(minutes=self.random.choice((1, 5, 16, 80, 60 * 12, 60 * 24 * 3)))
            case 1:
                self.content(name)
            case 2:
                self.restore(self.any_of((SANDBOX, DEVELOPMENT, STAGE)))
            case 3:
                self.test()
            case 4:
                self.ask("rm-1", WithdrawRelease(release=name, reason="x"))
            case 5:
                self.deploy(name, environment)
            case _:
                self.ask(who, command)
