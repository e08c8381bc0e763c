"""A project told as a story: people give commands at given moments, and the rules answer.

Everything goes through the real rules and the real codec; only the ledger is a list.
"""
# Long: the one teller of stories that every test of the rules uses, and the beginnings that it knows.

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from interlock.domain import policy as policies
from interlock.domain.commands.deploy import (
    ReportDeployFailed,
    ReportDeploySucceeded,
    RequestDeploy,
    RequestRollback,
    StartDeploy,
)
from interlock.domain.commands.environment import (
    BaselineEnvironment,
    CheckLogs,
    RegisterEnvironment,
    ReportMigrated,
    ReportRestored,
    SetDataFeed,
    StartMigration,
    StartRestore,
)
from interlock.domain.commands.evidence import (
    ApproveCodeReview,
    ApproveManualQA,
    ReportTestRun,
    StartTestRun,
)
from interlock.domain.commands.governance import (
    AssignOwner,
    ConfirmAsked,
    DesignateOperator,
    GrantRole,
    OpenProject,
    RegisterPrincipal,
)
from interlock.domain.commands.problem import ReportProblem
from interlock.domain.commands.release import ConfirmDevelopment, ConfirmHotfix, OpenRelease, SetReleaseContent
from interlock.domain.decide import Accepted, Refused, Submitted, decide
from interlock.domain.due import due
from interlock.domain.evolve import evolve
from interlock.domain.explain import gate
from interlock.domain.needs import completed
from interlock.domain.situation import EMPTY, Situation
from interlock.events.catalogue import CATALOGUE
from interlock.events.catalogue.parts import (
    AppliedMigration,
    Artifact,
    Commit,
    CredentialGiven,
    Identity,
    Migration,
    Observed,
    RepositoryHead,
    TestCounts,
)
from interlock.events.codec import decode, digest_of, encode
from interlock.events.decision import CheckOutcome, Decision
from interlock.events.envelope import Actor, Recorded

MONDAY = datetime(2026, 11, 16, 8, 0, tzinfo=UTC)
SATURDAY_09 = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
SUNDAY_09 = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
TUESDAY_10 = datetime(2026, 11, 17, 10, 0, tzinfo=UTC)

DEVELOPMENT, TESTS, SANDBOX, STAGE, PRODUCTION = "sandbox-anton", "tests", "sandbox", "stage", "production"
ALL_AREAS = ("orders", "quotes", "positions")

PEOPLE: dict[str, tuple[str, ...]] = {
    "anton": ("developer",),
    "dora": ("developer",),
    "qa-1": ("tester", "verifier"),
    "qa-2": ("tester", "verifier"),
    "reviewer-1": ("reviewer",),
    "vera": ("verifier",),
    "rm-1": ("release-manager",),
    "operator-1": ("developer",),
    "admin-1": ("administrator",),
    "admin-2": ("administrator",),
}
SERVICES: dict[str, tuple[str, ...]] = {"ci-1": ("runner",)}
WATCH = Actor(id="watch", kind="system")
SERVE = Actor(id="serve", kind="system")


def digest(text: str) -> str:
    """A digest that is easy to recognize by its source."""
    return digest_of({"of": text})


def identity(environment: str) -> Identity:
    """The environment's registered server and database."""
    return Identity(system_identifier=f"73{len(environment):04d}", database=environment, address="10.0.0.1:5432")


@dataclass
class Story:
    """A project, the moment, and everything that happened."""

    now: datetime = MONDAY
    situation: Situation = EMPTY
    events: list[Recorded[Any]] = field(default_factory=list)
    last: Accepted | Refused | None = None
    taken: list[tuple[Situation, Actor, Any, datetime]] = field(default_factory=list)

    def copy(self) -> Story:
        """The same story, to be gone on with another way."""
        return replace(self, events=list(self.events), taken=list(self.taken))

    def actor(self, name: str) -> Actor:
        """The principal of that name."""
        if name in {"watch", "serve"}:
            return WATCH if name == "watch" else SERVE
        return Actor(id=name, kind="service" if name in SERVICES else "person", credential=f"key-of-{name}")

    def ask(self, who: str | Actor, command: Any) -> Accepted | Refused:
        """Give the command; whatever follows is recorded, also a refusal."""
        actor = who if isinstance(who, Actor) else self.actor(who)
        seen = completed(self.situation, command, self.stream)
        self.taken.append((seen, actor, command, self.now))
        answer = decide(seen, Submitted(command=command, actor=actor), self.now)
        self.last = answer
        if answer.facts:
            # Only the decision sees what is over; what is kept stays the fold of the log and nothing else.
            self.situation = self._record(self.situation, actor, command, answer.facts)
        return answer

    def stream(self, name: str) -> list[Recorded[Any]]:
        """The events of one stream."""
        return [recorded for recorded in self.events if recorded.stream == name]

    def _record(self, situation: Situation, actor: Actor, command: Any, facts: Iterable[Any]) -> Situation:
        command_id, policy_version = UUID(int=len(self.events) + 1), situation.policy_version
        for ordinal, new in enumerate(facts):
            position = situation.position + 1
            recorded = Recorded(
                project="demo",
                position=position,
                id=UUID(int=(7 << 76) + position),
                type=type(new.event).__name__,
                schema=CATALOGUE[type(new.event).__name__][1],
                stream=new.stream,
                version=1 + sum(e.stream == new.stream for e in self.events),
                recorded_at=self.now,
                occurred_at=new.occurred_at or self.now,
                actor=actor,
                command_id=command_id,
                ordinal=ordinal,
                request_hash=digest(type(command).__name__),
                causation=None,
                correlation=None,
                policy_version=policy_version,
                event=new.event,
            )
            again = decode(encode(recorded))
            self.events.append(again)
            situation = evolve(situation, again)
        return situation

    def do(self, who: str | Actor, command: Any) -> Accepted:
        """Give a command that must be accepted."""
        answer = self.ask(who, command)
        assert isinstance(answer, Accepted), (type(command).__name__, why(answer.decision))
        return answer

    def refuse(self, who: str | Actor, command: Any, *checks: str) -> Refused:
        """Give a command that must be refused, by these checks at least."""
        answer = self.ask(who, command)
        assert isinstance(answer, Refused), f"{type(command).__name__} was accepted"
        missing = [outcome.check for outcome in answer.decision.missing]
        for check in checks:
            assert check in missing, (check, why(answer.decision))
        return answer

    def both(self, first: str, second: str, command: Any) -> Accepted:
        """Let the first person ask, and the second confirm."""
        asked = self.do(first, command)
        assert asked.facts, "it was so already"
        return self.do(second, ConfirmAsked(ask=asked.facts[0].event.ask))

    def tick(self, **duration: float) -> Story:
        """Let time pass, with everything that time alone brings about."""
        return self.at(self.now + timedelta(**duration))

    def at(self, moment: datetime) -> Story:
        """Go to a later moment, with everything that time alone brings about by then."""
        assert moment >= self.now, "time does not go back"
        self.now = moment
        self.watch()
        return self

    def watch(self) -> list[str]:
        """Let the watch do what is due now; give the types of the events that follow."""
        before = len(self.events)
        for _ in range(100):
            commands = due(self.situation, self.now)
            if not commands:
                break
            for command in commands:
                self.do(WATCH, command)
        return [recorded.type for recorded in self.events[before:]]

    def types(self, since: int = 0) -> list[str]:
        """The types of the events after position `since`."""
        return [recorded.type for recorded in self.events[since:]]

    def gate(self, release: str, environment: str) -> Decision:
        """The release's gate there, now."""
        return gate(self.situation, release, environment, self.now)

    def event(self, kind: str) -> Any:
        """The last event of that type."""
        return next(recorded.event for recorded in reversed(self.events) if recorded.type == kind)

    # -- the ways that a story goes -----------------------------------------------------------------

    def content(self, release: str, **more: Any) -> SetReleaseContent:
        """A content that differs from every other release's, and from other `salt`s."""
        salt = more.pop("salt", "")
        author = more.pop("author", "anton")
        fields: dict[str, Any] = {
            "artifacts": (Artifact(purl=f"pkg:oci/trading@{release}", digest=digest(release + salt)),),
            "commits": (Commit(repository="trading", sha=digest(release + salt)[7:47], author=author, time=MONDAY),),
            "head": (RepositoryHead(repository="trading", sha=digest(release + salt)[7:47]),),
            "migrations": (Migration(id=f"{release}-1", digest=digest(f"{release}-1"), backward_compatible=True),),
        }
        return SetReleaseContent(release=release, **(fields | more))

    def observed(self, environment: str) -> Observed:
        """What an honest runner reads there."""
        feed = {DEVELOPMENT: "IEX Sandbox", SANDBOX: "IEX Production"}.get(environment)
        schema = self.situation.environment(environment).mark.schema_digest
        return Observed(identity=identity(environment), feed=feed, schema_digest=schema)

    def deploy(self, release: str, environment: str, who: str = "anton", **more: Any) -> str:
        """Request, start and finish a deploy; give its id."""
        deploy = self.start(release, environment, who, **more)
        self.finish(release, environment)
        return deploy

    def start(self, release: str, environment: str, who: str = "anton", **more: Any) -> str:
        """Request and start a deploy; give its id."""
        accepted = self.do(who, RequestDeploy(release=release, environment=environment, **more))
        waiting = [r.deploy for r in self.situation.requests.values() if r.release == release]
        deploy: str = accepted.facts[0].event.deploy if accepted.facts else waiting[0]
        self.do("ci-1", StartDeploy(release=release, deploy=deploy, observed=self.observed(environment)))
        return deploy

    def finish(self, release: str, environment: str) -> None:
        """The running deploy succeeds."""
        place = self.situation.environment(environment)
        assert place.deploy is not None
        assert place.lease is not None
        self.do(
            "ci-1",
            ReportDeploySucceeded(
                release=release,
                deploy=place.deploy.deploy,
                fencing_token=place.lease.token,
                observed_digest=place.deploy.content,
                schema_digest=digest(f"schema of {release}") if environment == PRODUCTION else None,
            ),
        )

    def fail(self, release: str, environment: str, left: Any = "partial") -> None:
        """The running deploy fails."""
        place = self.situation.environment(environment)
        assert place.deploy is not None
        assert place.lease is not None
        self.do(
            "ci-1",
            ReportDeployFailed(
                release=release,
                deploy=place.deploy.deploy,
                fencing_token=place.lease.token,
                phase="switch",
                error="the new version did not start",
                environment_left=left,
            ),
        )

    def develop(self, release: str, who: str = "anton", **more: Any) -> Story:
        """Open a release, set its content, deploy it to the developer's sandbox, confirm it."""
        if release not in self.situation.releases:
            self.do(who, OpenRelease(name=release, kind="normal", title=f"Release {release}"))
        self.do(who, self.content(release, **more))
        return self.confirm(release)

    def confirm(self, release: str) -> Story:
        """Deploy to the developer's sandbox, and let the owner confirm."""
        self.deploy(release, DEVELOPMENT)
        self.do("anton", ConfirmDevelopment(release=release))
        return self

    def test(self, trigger: Any = "manual", failed: tuple[str, ...] = (), ran: tuple[str, ...] = ()) -> str:
        """A whole test run; give its id."""
        run: str = (
            self.do("ci-1", StartTestRun(environment=TESTS, trigger=trigger, observed=self.observed(TESTS)))
            .facts[-1]
            .event.run
        )
        self.report(run, failed=failed, ran=ran)
        return run

    def report(self, run: str, failed: tuple[str, ...] = (), ran: tuple[str, ...] = ()) -> None:
        """The run's report."""
        lease = self.situation.environment(TESTS).lease
        assert lease is not None
        self.do(
            "ci-1",
            ReportTestRun(
                environment=TESTS,
                run=run,
                fencing_token=lease.token,
                verdict="failed" if failed else "passed",
                suite_digest=digest("suite"),
                report=digest(run),
                started_at=self.now,
                finished_at=self.now,
                counts=TestCounts(total=412, passed=412 - len(failed), failed=len(failed), skipped=0),
                failed=failed,
                ran=ran,
            ),
        )

    def to_tests(self, release: str, ran: tuple[str, ...] = ()) -> Story:
        """From a confirmed development to passed tests."""
        self.deploy(release, TESTS)
        self.test(ran=ran)
        return self

    def to_sandbox(self, release: str) -> Story:
        """From passed tests to approved manual QA."""
        self.deploy(release, SANDBOX)
        self.do("qa-1", ApproveManualQA(release=release, environment=SANDBOX))
        return self

    def restore(self, environment: str = STAGE, source: str = PRODUCTION, who: str = "ci-1") -> str:
        """A whole restore; give its id."""
        granted = (
            self.do(who, StartRestore(environment=environment, source=source, observed=self.observed(environment)))
            .facts[0]
            .event
        )
        restore: str = granted.subject.split()[1]
        self.do(
            who,
            ReportRestored(
                environment=environment,
                restore=restore,
                fencing_token=granted.fencing_token,
                snapshot="nightly dump",
                taken_at=self.now,
                schema_digest=self.situation.environment(source).mark.schema_digest,
            ),
        )
        return restore

    def migrate(self, release: str) -> str:
        """A whole rehearsal of the release's migrations; give its id."""
        granted = (
            self.do("ci-1", StartMigration(release=release, environment=STAGE, observed=self.observed(STAGE)))
            .facts[0]
            .event
        )
        migration: str = granted.subject.split()[1]
        content = self.situation.releases[release].content
        assert content is not None
        self.do(
            "ci-1",
            ReportMigrated(
                release=release,
                environment=STAGE,
                migration=migration,
                fencing_token=granted.fencing_token,
                migrations=tuple(
                    AppliedMigration(id=m.id, digest=m.digest, duration_ms=38_000) for m in content.migrations
                ),
                schema_before=digest("before"),
                schema_after=digest(f"schema of {release}"),
            ),
        )
        return migration

    def rehearse(self, release: str) -> Story:
        """From approved manual QA to a complete rehearsal in stage."""
        self.deploy(release, STAGE)
        running = self.situation.environment(PRODUCTION).last_sure
        self.do(
            "reviewer-1",
            ApproveCodeReview(
                release=release,
                base_release=running.release if running else None,
                commit_range="v1..v2",
                diff_digest=digest(f"diff of {release}"),
            ),
        )
        if not self.situation.environment(PRODUCTION).never_used:
            self.tick(minutes=1)
            self.restore()
        content = self.situation.releases[release].content
        assert content is not None
        if content.migrations:
            self.migrate(release)
        self.do(
            "qa-2",
            ApproveManualQA(
                release=release,
                environment=STAGE,
                areas=(*ALL_AREAS, *self.situation.releases[release].affected_areas),
            ),
        )
        return self

    def check_logs(self) -> Story:
        """Somebody reads production's logs up to now."""
        since = self.situation.environment(PRODUCTION).logs_from
        if since is not None and since < self.now:
            self.do("qa-1", CheckLogs(environment=PRODUCTION, since=since, until=self.now, result="clean"))
        return self

    def prepared(self, release: str, **more: Any) -> Story:
        """From nothing to a complete rehearsal in stage."""
        running = self.situation.environment(PRODUCTION).last_sure
        more.setdefault("contains", (running.release,) if running is not None else ())
        return self.develop(release, **more).to_tests(release).to_sandbox(release).rehearse(release)

    def released(self, release: str, at: datetime = SATURDAY_09, **more: Any) -> Story:
        """From nothing to production, in the window that opens at `at`."""
        self.prepared(release, **more)
        self.at(at).check_logs().deploy(release, PRODUCTION)
        return self

    def hotfix(self, release: str, problem: str, who: str = "dora", **more: Any) -> Story:
        """A hotfix for the problem, from nothing to a complete rehearsal, confirmed."""
        self.do(who, OpenRelease(name=release, kind="hotfix", title=f"Hotfix {release}", problem=problem))
        running = self.situation.environment(PRODUCTION).last_sure
        more.setdefault("contains", (running.release,) if running is not None else ())
        self.do(who, self.content(release, author=who, fixes=(problem,), **more))
        self.do("rm-1", ConfirmHotfix(release=release))
        self.confirm(release).to_tests(release).to_sandbox(release).rehearse(release)
        return self

    def problem(self, environment: str = PRODUCTION, title: str = "quotes freeze", who: str = "qa-2") -> str:
        """Report a problem; give its id."""
        problem: str = self.do(who, ReportProblem(environment=environment, title=title)).facts[0].event.problem
        return problem

    def rollback(self, problem: str, **more: Any) -> str:
        """Request and start a rollback of production; give its deploy's id."""
        accepted = self.do("rm-1", RequestRollback(environment=PRODUCTION, problem=problem, **more))
        event = accepted.facts[-1].event
        self.do("ci-1", StartDeploy(release=event.release, deploy=event.deploy, observed=self.observed(PRODUCTION)))
        deploy: str = event.deploy
        return deploy


def why(decision: Decision) -> str:
    """What was missing, for a test's message."""
    return "; ".join(f"{o.check} {o.state}: {o.observed}" for o in decision.missing)


def opened(policy: dict[str, Any] | None = None) -> Story:
    """A project with two founders and nothing else."""
    story = Story()
    story.do(
        SERVE,
        OpenProject(
            founders=("admin-1", "admin-2"),
            enrolments=tuple(
                CredentialGiven(
                    credential=f"K-{n}",
                    principal=f"admin-{n}",
                    secret_digest=digest(f"enrolment of admin-{n}"),
                    purpose="enrolment",
                    scopes=("write",),
                    expires_at=MONDAY + timedelta(days=7),
                )
                for n in (1, 2)
            ),
            policy=policy or policies.shipped(),
        ),
    )
    return story


def team(policy: dict[str, Any] | None = None) -> Story:
    """A project with its team, its environments registered, and production declared empty."""
    story = opened(policy)
    for name, roles in PEOPLE.items():
        if not name.startswith("admin"):
            story.both("admin-1", "admin-2", RegisterPrincipal(principal=name, kind="person"))
            for role in roles:
                story.both("admin-1", "admin-2", GrantRole(principal=name, role=role))  # type: ignore[arg-type]
    for name, roles in SERVICES.items():
        story.do("admin-1", RegisterPrincipal(principal=name, kind="service"))
        for role in roles:
            story.both("admin-1", "admin-2", GrantRole(principal=name, role=role))  # type: ignore[arg-type]
    story.both("admin-1", "admin-2", AssignOwner(environment=DEVELOPMENT, principal="anton"))
    story.both("admin-1", "admin-2", DesignateOperator(environment=PRODUCTION, principal="operator-1"))
    for environment in (DEVELOPMENT, TESTS, SANDBOX, STAGE, PRODUCTION):
        story.do("admin-1", RegisterEnvironment(environment=environment, identity=identity(environment)))
    story.do("rm-1", SetDataFeed(environment=DEVELOPMENT, feed="IEX Sandbox"))
    story.do("rm-1", SetDataFeed(environment=SANDBOX, feed="IEX Production", volume_percent=25))
    return story


def empty_production(policy: dict[str, Any] | None = None) -> Story:
    """A team whose production is declared empty."""
    story = team(policy)
    story.both("admin-1", "rm-1", BaselineEnvironment(environment=PRODUCTION, empty=True))
    return story


def running(policy: dict[str, Any] | None = None) -> Story:
    """A team whose production runs 4.11.0, declared as its base with artifacts."""
    return _told_running().copy() if policy is None else _running(policy)


@cache
def _told_running() -> Story:
    return _running(None)


def _running(policy: dict[str, Any] | None) -> Story:
    story = team(policy)
    story.both(
        "admin-1",
        "rm-1",
        BaselineEnvironment(
            environment=PRODUCTION,
            release="4.11.0",
            content_digest=digest("4.11.0"),
            schema_digest=digest("schema"),
            artifacts=(Artifact(purl="pkg:oci/trading@4.11.0", digest=digest("4.11.0 image")),),
            head=(RepositoryHead(repository="trading", sha="a" * 40),),
        ),
    )
    return story


@cache
def _told_rehearsed() -> Story:
    return running().prepared("4.12.0").check_logs()


def rehearsed() -> Story:
    """Production runs 4.11.0, and 4.12.0 waits in stage with everything but the window."""
    return _told_rehearsed().copy()


def lacks(decision: Decision) -> dict[str, CheckOutcome]:
    """What stands in the way, by the check's name."""
    return {outcome.check: outcome for outcome in decision.missing}
