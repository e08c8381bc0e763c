"""What anybody may do in a state: the alphabet of the search.

Each move is one command, or a few in a row where nothing that happens between them is of interest in this part of the
search. A move that helps costs nothing. One that disturbs costs one of the disturbances that the part allows: so the
space is finite, and people who mean well are never out of moves.
"""
# Long: one alphabet, move by move, in the order of the flow.

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from interlock.domain import gates
from interlock.domain.checks import Asked
from interlock.domain.commands import deploy as c_deploy
from interlock.domain.commands import environment as c_env
from interlock.domain.commands import evidence as c_evidence
from interlock.domain.commands import problem as c_problem
from interlock.domain.commands import release as c_release
from interlock.domain.decide.case import Case
from interlock.domain.decide.request import deploy_asked
from interlock.domain.situation import Environment, Lease, Release
from interlock.events.catalogue.parts import Observed
from interlock.events.envelope import Actor
from interlock.events.values import StatedContent
from tests.proof.ghost import DEVELOPMENT, LOGS_AGE, ORDER, PRODUCTION, SANDBOX, STAGE, TESTS
from tests.proof.lazy import LazyGate
from tests.proof.odd import ODD, odd_moves
from tests.proof.oracle_of_deploys import carried
from tests.proof.people import (
    ANTON,
    AUTHOR,
    DORA,
    HOTFIX,
    NORMAL,
    ROSA,
    RUNNER,
    VERA,
    content,
    digest,
    identity,
    observed,
)
from tests.proof.reports import ALL_AREAS, failed, migrated, ran, rehearsed, restored, start, succeeded
from tests.proof.world import WATCH, State, confirmed, due_now, give, is_open, later, loaded, next_opening

Then = Callable[[], State | None]
Move = tuple[str, int, Then]
WAITING_MAX = 1
RENEWED_EACH = timedelta(minutes=14)
# What is judged about a release in an environment, and depends on no deploy to it.
JUDGED: dict[str, tuple[str, ...]] = {
    SANDBOX: ("approver-independent", "no-open-problem"),
    STAGE: ("approver-independent", "reviewer-independent", "no-open-problem"),
}
REHEARSED = (
    "release-present", "code-reviewed", "production-data-restored", "migrations-passed", "rehearsal-current",
    "core-areas-approved",
)  # fmt: skip


@dataclass(frozen=True)
class Scope:
    """One part of the search: where deploys are taken step by step, what may disturb, and how often."""

    name: str
    disturbances: int
    steps_in: frozenset[str]
    disturb: frozenset[str]
    releases: tuple[str, ...] = (NORMAL, HOTFIX)
    reaches: str = PRODUCTION
    waiting: int = WAITING_MAX

    def places(self) -> tuple[str, ...]:
        """The environments that this part is about."""
        return ORDER[: ORDER.index(self.reaches) + 1]


class Moves:
    """The moves of one state."""

    def __init__(self, state: State, scope: Scope, lazy: LazyGate) -> None:
        """Look at the state once."""
        self.state, self.scope, self.lazy = state, scope, lazy
        self.situation, self.now = state.situation, state.now
        self.environments = state.situation.environments
        self.may_disturb = state.left > 0
        self.policy = lazy.policy(state)
        waiting = sum(r.environment == PRODUCTION for r in state.situation.requests.values())
        self.may_ask = scope.reaches == PRODUCTION and waiting < scope.waiting
        self.observes = {place: observed(state, place) for place in scope.places()}

    def all(self) -> Iterator[Move]:
        """Every move."""
        yield from self.time()
        for name in self.scope.releases:
            yield from self.release(name)
        for place in self.scope.places():
            yield from self.place(self.environments[place])
        yield from self.requests()
        yield from self.problems()
        if ODD in self.scope.disturb:
            yield from odd_moves(self.state)

    # -- how moves are made ---------------------------------------------------------------------------------

    def one(self, label: str, actor: Actor, command: Any, cost: int = 0) -> Move:
        """One command."""
        return label, cost, lambda: give(self.state, actor, command)

    def disturbs(self, kind: str) -> bool:
        """Whether this kind of disturbance may come now."""
        return self.may_disturb and kind in self.scope.disturb

    # -- time -----------------------------------------------------------------------------------------------

    def time(self) -> Iterator[Move]:
        """The window opens or closes, a lease runs out, and what the watch does then."""
        for command in due_now(self.state):
            yield self.one(f"watch: {type(command).__name__}", WATCH, command)
        leases = [e.lease for e in self.environments.values() if e.lease is not None]
        waiting = [lease.expires_at for lease in leases if self.now < lease.expires_at]
        if waiting and self.disturbs("a lease runs out"):
            yield "a lease runs out", 1, lambda: later(self.state, min(waiting))
        if self.scope.reaches != PRODUCTION:
            return
        if is_open(self.now):
            closes = self.now.replace(hour=12, minute=0)
            if not leases:
                yield "the window closes", 0, lambda: later(self.state, closes)
            elif self.disturbs("the window closes on it"):
                yield "the window closes on it", 1, lambda: self.renewed_until(closes)
        elif not leases:
            yield "the window opens", 0, lambda: later(self.state, next_opening(self.now))

    def renewed_until(self, moment: Any) -> State | None:
        """What runs goes on, with signs of life."""
        state: State | None = self.state
        while state is not None and state.now < moment:
            state = later(state, min(moment, state.now + RENEWED_EACH))
            for environment in state.situation.environments.values():
                lease = environment.lease
                if state is not None and lease is not None:
                    renew = c_env.RenewLease(environment=environment.name, lease=lease.lease, fencing_token=lease.token)
                    state = give(state, RUNNER, renew)
        return state

    # -- releases -------------------------------------------------------------------------------------------

    def named(self, name: str) -> Release | None:
        """The release of that name, also where it is over and was forgotten."""
        release = self.situation.releases.get(name)
        if release is None and f"release/{name}" in self.state.streams:
            return loaded(self.state, c_release.HoldRelease(release=name, reason="x")).releases.get(name)
        return release

    def release(self, name: str) -> Iterator[Move]:
        """What is done with one release."""
        release = self.named(name)
        if release is None:
            yield from self.opening(name)
            return
        if release.open:
            yield from self.contents(release)
            yield self.one(f"withdraw {name}", VERA, c_release.WithdrawRelease(release=name, reason="x"))
        if "tries" in self.scope.disturb:
            yield self.one(
                f"withdraw {name}, whatever it is", VERA, c_release.WithdrawRelease(release=name, reason="x")
            )
            nothing = c_deploy.RequestDeploy(release=name, environment=DEVELOPMENT)
            yield self.one(f"ask {name} to {DEVELOPMENT}, whatever it is", ANTON, nothing)
            yield self.one(f"open {name} again", VERA, c_release.OpenRelease(name=name, kind="normal", title="Again"))
        if release.content is None:
            return
        for place in self.scope.places():
            yield from self.deploying(release, place)
            if "tries" in self.scope.disturb:
                yield from self.tries(release, place)
        yield from self.verdicts(release)
        if release.held is not None:
            yield self.one(f"lift {name}", VERA, c_release.LiftReleaseHold(release=name, reason="x"))
        elif release.open and self.disturbs("hold"):
            yield self.one(f"hold {name}", VERA, c_release.HoldRelease(release=name, reason="x"), 1)

    def opening(self, name: str) -> Iterator[Move]:
        if name != HOTFIX:
            return
        for problem in self.situation.problems.values():
            if problem.environment == PRODUCTION:
                command = c_release.OpenRelease(name=name, kind="hotfix", title="Fix", problem=problem.problem)
                yield self.one(f"open {name} for {problem.problem}", DORA, command)

    def contents(self, release: Release) -> Iterator[Move]:
        """New content, and another description of the same."""
        name, known = release.name, release.content
        running = self.state.ghost.running
        # Whoever takes in what production runs takes in what that took in: so is the ancestry of commits.
        ancestors = set(carried(self.state.ghost, running)) if running is not None else set()
        if known is not None:
            ancestors |= known.contains
        contains = tuple(sorted(ancestors - {name}))
        fixes = (release.problem,) if name == HOTFIX and release.problem is not None else ()
        author = AUTHOR[name]
        if known is None:
            yield self.one(f"content of {name}", author, content(name, "a", contains, fixes))
            return
        now = next(v for v in "abu" if content(name, v, tuple(sorted(known.contains)), ()).artifacts == known.artifacts)
        if set(contains) - known.contains:
            yield self.one(f"{name} takes in {contains}", author, content(name, now, contains, known.fixes))
        if self.disturbs("new content"):
            for other in "abu" if name == NORMAL else "ab":
                if other != now:
                    yield self.one(f"content {other} of {name}", author, content(name, other, contains, known.fixes), 1)
        if self.disturbs("an old branch") and known.contains:
            yield self.one(f"{name} from an old branch", author, content(name, now, (), known.fixes), 1)
        if self.disturbs("another description"):
            problems = tuple(p for p in self.situation.problems if p not in known.fixes)
            same = tuple(sorted(known.contains))
            for author in (AUTHOR[name], VERA):
                command = content(name, now, same, (*known.fixes, *problems))
                yield self.one(f"{author.id} says what {name} fixes", author, command, 1)

    def deploying(self, release: Release, place: str) -> Iterator[Move]:
        """Ask for a deploy; where it is not looked at step by step, all of it."""
        name = release.name
        asker = ANTON if place == DEVELOPMENT else AUTHOR[name]
        there = self.environments[place].occupant
        present = there is not None and release.content is not None
        again = present and (there.release, there.content) == (name, release.content.digest)  # type: ignore[union-attr]
        if not release.open and place in ORDER[:3] and place not in self.scope.steps_in:
            # What is completed is rehearsed again, or deployed again; nobody develops and tests it again.
            return
        # Who rehearses again deploys to stage again; elsewhere a redeploy helps nobody.
        cost = int(again and place != STAGE)
        if cost and not self.disturbs("redeploy"):
            return
        if again and place == STAGE and place not in self.scope.steps_in and self.is_rehearsed(release):
            return
        for problem in (None, *(p for p in self.situation.problems if again and place == PRODUCTION)):
            command = c_deploy.RequestDeploy(release=name, environment=place, problem=problem)
            if self.lazy.refuses_deploy(self.state, asker, command, release):
                yield f"ask {name} to {place}", cost, _refused
                continue
            if place == PRODUCTION:
                if self.may_ask:
                    yield self.one(f"ask {name} to {place}", asker, command, cost)
                continue
            if place not in self.scope.steps_in:
                yield f"{name} through {place}", cost, self.whole(command, asker, release)
                continue
            yield f"start {name} in {place}", cost, lambda c=command: self.started(c, asker)  # type: ignore[misc]
            if self.disturbs("ask and wait"):
                yield self.one(f"ask {name} to {place}", asker, command, 1)
        if place == PRODUCTION and not is_open(self.now) and not again and self.may_ask:
            command = c_deploy.RequestDeploy(release=name, environment=place, at_window=True)
            if not self.lazy.refuses_deploy(self.state, asker, command, release, but="release-window"):
                yield self.one(f"ask {name} to {place} at the window", asker, command)

    def is_rehearsed(self, release: Release) -> bool:
        """Whether all of its rehearsal stands, for production's present state: to rehearse it again helps nobody."""
        case = Case(situation=self.situation, command=None, actor=RUNNER, now=self.now)
        asked = deploy_asked(case, release, PRODUCTION)
        return all(gates._run(name, asked).holds for name in REHEARSED)

    def started(self, command: c_deploy.RequestDeploy, asker: Actor) -> State | None:
        state = give(self.state, asker, command)
        return None if state is None else start(state, command.release, command.environment)

    def whole(self, command: c_deploy.RequestDeploy, asker: Actor, release: Release) -> Then:
        """All of a deploy; nothing where a check of what people do there then fails, and no deploy could change it."""
        names = JUDGED.get(command.environment)
        if names is None or (command.environment == STAGE and self.scope.reaches != PRODUCTION):
            # Where the part ends with a deploy to stage, nobody judges there.
            return lambda: self.through(command, asker)
        if command.environment == STAGE and self.rehearsed_in_vain(release):
            return _refused
        asked = Asked(situation=self.situation, policy=self.policy, now=self.now, actor=VERA,
                      environment=command.environment, release=release)  # fmt: skip
        if self.lazy.refuses(("through", names), names, asked, lambda: self.through(command, asker)):
            return _refused
        return lambda: self.through(command, asker)

    def rehearsed_in_vain(self, release: Release) -> bool:
        """Whether it is over, runs nowhere, and does not contain what production runs.

        Its content is frozen, and a rehearsal is bound to production's present state: none of it would ever count.
        """
        running, content = self.environments[PRODUCTION].last_sure, release.content
        contained = running is not None and content is not None and running.release in content.contains
        return release.name not in self.situation.releases and not contained

    def through(self, command: c_deploy.RequestDeploy, asker: Actor) -> State | None:
        """Ask, start, succeed, and what people do there then."""
        place, name = command.environment, command.release
        state = give(self.state, asker, command)
        state = None if state is None else start(state, name, place)
        state = None if state is None else give(state, RUNNER, succeeded(state.situation.environments[place]))
        if state is None:
            return None
        if place == STAGE:
            return rehearsed(state, name) if self.scope.reaches == PRODUCTION else state
        if place == DEVELOPMENT:
            return give(state, ANTON, c_release.ConfirmDevelopment(release=name))
        if place == SANDBOX:
            return give(state, VERA, c_evidence.ApproveManualQA(release=name, environment=SANDBOX))
        run = c_evidence.StartTestRun(environment=TESTS, trigger="manual", observed=observed(state, TESTS))
        state = give(state, RUNNER, run)
        return None if state is None else give(state, RUNNER, ran(state, state.situation.environments[TESTS]))

    def tries(self, release: Release, place: str) -> Iterator[Move]:
        """What nobody may do: another server, another feed, a person in the runner's place, in the owner's place."""
        name, asker = release.name, ANTON if place == DEVELOPMENT else AUTHOR[release.name]
        here = self.observes[place]
        server, feed = replace(here, identity=identity("elsewhere")), replace(here, feed="Other")
        for label, actor, found in (("at another server", RUNNER, server), ("with another feed", RUNNER, feed),
                                    ("by its author", AUTHOR[name], here)):  # fmt: skip
            yield f"start {name} in {place} {label}", 0, lambda a=actor, f=found: self.odd(release, place, asker, a, f)  # type: ignore[misc]
        if place == DEVELOPMENT:
            yield self.one("dora asks in his sandbox", DORA, c_deploy.RequestDeploy(release=name, environment=place))

    def odd(self, release: Release, place: str, asker: Actor, runner: Actor, found: Observed) -> State | None:
        request = c_deploy.RequestDeploy(release=release.name, environment=place)
        state = give(self.state, asker, request)
        if state is None:
            return None
        deploy = next(reversed(state.situation.requests))
        return give(state, runner, c_deploy.StartDeploy(release=release.name, deploy=deploy, observed=found))

    # -- verdicts -------------------------------------------------------------------------------------------

    def verdicts(self, release: Release) -> Iterator[Move]:
        """What people say about it: who wrote none of it, and who did."""
        name = release.name
        judges = (VERA, AUTHOR[name], *((ROSA,) if VERA.id in release.authors else ()))
        if DEVELOPMENT in self.scope.steps_in:
            for actor in (ANTON, DORA):
                yield self.gated(f"{actor.id} confirms {name}", actor, c_release.ConfirmDevelopment(release=name),
                                 "confirm", gates.CONFIRM_DEVELOPMENT, DEVELOPMENT, release)  # fmt: skip
        for actor in judges:
            if release.kind == "hotfix":
                for problem in self.situation.problems.values():
                    if problem.environment == PRODUCTION:
                        command = c_release.ConfirmHotfix(release=name, problem=problem.problem)
                        yield self.one(f"{actor.id} confirms the hotfix for {problem.problem}", actor, command)
            if SANDBOX in self.scope.steps_in:
                yield from self.approval(actor, release, SANDBOX, gates.MANUAL_QA)
            if STAGE in self.scope.steps_in:
                yield from self.approval(actor, release, STAGE, gates.CORE_TEST)
                yield from self.review(actor, release)

    def approval(self, actor: Actor, release: Release, place: str, names: tuple[str, ...]) -> Iterator[Move]:
        name = release.name
        areas = ALL_AREAS if place == STAGE else ()
        command = c_evidence.ApproveManualQA(release=name, environment=place, areas=areas)
        yield self.gated(f"{actor.id} approves {name} in {place}", actor, command, place, names, place, release,
                         areas=areas)  # fmt: skip
        if actor is VERA and place == STAGE:
            less = ALL_AREAS[:1]
            command = c_evidence.ApproveManualQA(release=name, environment=place, areas=less)
            yield self.gated(f"{actor.id} approves a part of {name}", actor, command, place, names, place, release,
                             areas=less)  # fmt: skip
        if actor is VERA and self.disturbs("a bad verdict"):
            command = c_evidence.RejectManualQA(release=name, environment=place, reason="x")  # type: ignore[assignment]
            yield self.gated(f"reject {name} in {place}", actor, command, "reject", ("release-present",), place,
                             release, cost=1)  # fmt: skip
            command = c_evidence.WithdrawManualQA(release=name, environment=place, reason="x")  # type: ignore[assignment]
            yield self.one(f"take back the approval of {name} in {place}", actor, command, 1)

    def review(self, actor: Actor, release: Release) -> Iterator[Move]:
        name, running = release.name, self.environments[PRODUCTION].last_sure
        base = running.release if running is not None else None
        command = c_evidence.ApproveCodeReview(
            release=name, base_release=base, commit_range="a..b", diff_digest=digest("diff")
        )
        yield self.gated(f"{actor.id} reviews {name}", actor, command, "review", gates.REVIEW, STAGE, release)
        if actor is VERA and "tries" in self.scope.disturb:
            part = replace(command, base_release=None)
            yield self.one(f"{actor.id} reviews a part of {name}", actor, part)
        if actor is VERA and self.disturbs("a bad verdict"):
            reject = c_evidence.RejectCodeReview(release=name, reason="x")
            yield self.gated(f"reject the review of {name}", actor, reject, "reject", ("release-present",), STAGE,
                             release, cost=1)  # fmt: skip

    def gated(
        self,
        label: str,
        actor: Actor,
        command: Any,
        key: str,
        names: tuple[str, ...],
        place: str,
        release: Release | None,
        *,
        cost: int = 0,
        **more: Any,
    ) -> Move:
        """A command that one failed check of its gate refuses, whatever the others say."""
        asked = Asked(situation=self.situation, policy=self.policy, now=self.now, actor=actor,
                      environment=place, release=release, **more)  # fmt: skip
        if self.lazy.refuses(key, names, asked, lambda: give(self.state, actor, command)):
            return label, cost, _refused
        return self.one(label, actor, command, cost)

    # -- environments ---------------------------------------------------------------------------------------

    def place(self, place: Environment) -> Iterator[Move]:
        """What happens in one environment."""
        name = place.name
        if place.lease is not None:
            yield from self.reports(place, place.lease)
            if self.disturbs("a lease is broken"):
                command = c_env.BreakLease(environment=name, lease=place.lease.lease, reason="x")
                yield self.one(f"break the lease of {name}", VERA, command, 1)
        elif name == TESTS and TESTS in self.scope.steps_in:
            run = c_evidence.StartTestRun(environment=TESTS, trigger="manual", observed=self.observes[TESTS])
            yield self.one("start a test run", RUNNER, run)
        elif name == STAGE and STAGE in self.scope.steps_in and self.scope.reaches == PRODUCTION:
            yield from self.rehearsing(place)
        if place.lost and self.disturbs("a late report"):
            yield f"a late report in {name}", 1, lambda: self.late(place)
        if place.unsure is not None and place.lease is None:
            yield from self.statements(place)
        if name == PRODUCTION or name in self.scope.steps_in:
            yield from self.whims(place)
        if name == PRODUCTION and place.logs_from is not None and self.now - place.logs_from > LOGS_AGE:
            check = c_env.CheckLogs(environment=name, since=place.logs_from, until=self.now, result="clean")
            yield self.one("check the logs", VERA, check)

    def rehearsing(self, place: Environment) -> Iterator[Move]:
        """Restore and migrate in stage."""
        here = self.observes[STAGE]
        restored = place.rehearsal is not None and place.rehearsal.restore is not None
        if not restored or self.disturbs("restore again"):
            yield self.restoring(place, PRODUCTION, int(restored))
        yield self.restoring(place, SANDBOX, 0)
        there = place.occupant.release if place.occupant is not None else ""
        for name in self.scope.releases:
            release = self.named(name) if name == there else self.situation.releases.get(name)
            if release is not None:
                migrate = c_env.StartMigration(release=name, environment=STAGE, observed=here)
                yield self.gated(f"migrate {name}", RUNNER, migrate, "migrate", gates.MIGRATION, STAGE, release,
                                 observed=here, starting=True)  # fmt: skip
        if place.data.corrupt is not None:
            yield self.one("mark stage clean", VERA, c_env.MarkDataClean(environment=STAGE, reason="x"))
        elif self.disturbs("corrupt"):
            yield self.one("mark stage corrupt", VERA, c_env.MarkDataCorrupt(environment=STAGE, reason="x"), 1)

    def restoring(self, place: Environment, source: str, cost: int) -> Move:
        """A restore of stage; a retry of one that was lost is another gate's, and not looked at early."""
        label, here = f"restore stage from {source}", self.observes[STAGE]
        command = c_env.StartRestore(environment=STAGE, source=source, observed=here)
        if place.unsure is not None:
            return self.one(label, RUNNER, command, cost)
        there = place.occupant.release if place.occupant is not None else ""
        return self.gated(label, RUNNER, command, "restore", gates.RESTORE_FOR_REHEARSAL, STAGE,
                          self.named(there), cost=cost, source=source, observed=here, starting=True)  # fmt: skip

    def whims(self, place: Environment) -> Iterator[Move]:
        """Freeze, drift, problems."""
        name = place.name
        if place.freeze is not None:
            yield self.one(f"unfreeze {name}", VERA, c_env.UnfreezeEnvironment(environment=name, reason="x"))
        elif self.disturbs("freeze"):
            yield self.one(f"freeze {name}", VERA, c_env.FreezeEnvironment(environment=name, reason="x"), 1)
        number = self.situation.counters.get("P", 0)
        if self.disturbs("drift"):
            command = c_env.ObserveFact(environment=name, kind="drift", source="scan", description=f"drift {number}",
                                        observed_digest=digest(f"drift {number}"))  # fmt: skip
            yield self.one(f"drift in {name}", VERA, command, 1)
        if self.disturbs("problem"):
            command_p = c_problem.ReportProblem(environment=name, title=f"it is slow {number}")
            yield self.one(f"a problem in {name}", VERA, command_p, 1)

    def reports(self, place: Environment, lease: Lease) -> Iterator[Move]:
        """What runs there ends, well or not."""
        name, identifier, token = place.name, lease.subject.split()[1], lease.token
        bad = self.disturbs("it fails")
        if lease.kind == "deploy":
            yield self.one(f"done in {name}", RUNNER, succeeded(place))
            if bad or self.disturbs("it comes to nothing"):
                for left in ("unchanged", "partial") if bad else ("unchanged",):
                    yield self.one(f"failed in {name}, {left}", RUNNER, failed(place, left), 1)
        elif lease.kind == "test-run":
            yield self.one("tests pass", RUNNER, ran(self.state, place))
            if bad:
                yield self.one("tests fail", RUNNER, ran(self.state, place, good=False), 1)
                yield self.one("the new test did not run", RUNNER, ran(self.state, place, new=False), 1)
        elif lease.kind == "restore":
            yield self.one("restored", RUNNER, restored(self.state, place, self.now))
            if bad:
                old = self.now - timedelta(days=6)
                yield self.one("restored from an old snapshot", RUNNER, restored(self.state, place, old), 1)
                failure = c_env.ReportRestoreFailed(
                    environment=name, restore=identifier, fencing_token=token, error="x"
                )
                yield self.one("the restore fails", RUNNER, failure, 1)
        elif lease.kind == "migration":
            yield self.one("migrated", RUNNER, migrated(place, lease))
            if "tries" in self.scope.disturb:
                done = migrated(place, lease)
                other = tuple(replace(each, digest=digest("another")) for each in done.migrations)
                yield self.one("nothing was migrated", RUNNER, replace(done, migrations=()))
                yield self.one("something else was migrated", RUNNER, replace(done, migrations=other))
            if bad:
                failure_m = c_env.ReportMigrationFailed(
                    release=lease.work.release or "", environment=name, migration=identifier, fencing_token=token,
                    error="x",
                )  # fmt: skip
                yield self.one("the migration fails", RUNNER, failure_m, 1)

    def late(self, place: Environment) -> State | None:
        """The last activity that was lost here gives its report after all."""
        name = place.lost[-1]
        if name.startswith("D-"):
            thing = dict(self.state.ghost.places[place.name].gone)[name]
            assert thing is not None
            command: Any = c_deploy.ReportDeploySucceeded(
                release=thing[0], deploy=name, fencing_token=1, observed_digest=thing[1]
            )
        else:
            command = c_env.ReportRestored(
                environment=place.name, restore=name, fencing_token=1, snapshot="dump", taken_at=self.now
            )
        return give(self.state, RUNNER, command)

    def statements(self, place: Environment) -> Iterator[Move]:
        """Two persons say what is there; and one person alone would like to, for one thing that might be there."""
        name = place.name
        options: set[tuple[StatedContent, str | None, str | None]] = {("mixed", None, None), ("empty", None, None)}
        if place.history:
            options.add(("content", place.history[-1].release, place.history[-1].content))
        work = place.unsure.work if place.unsure is not None else None
        if work is not None and work.content is not None:
            options.add(("content", work.release, work.content))
        alone: tuple[Actor, ...] = (ROSA,)
        for state, release, digest_there in sorted(options, key=str):
            command = c_env.StateContent(
                environment=name,
                state=state,
                reason="x",
                release=release,
                content_digest=digest_there,
            )
            first = give(self.state, ROSA, command)
            for second in (VERA, *alone):
                yield (f"rosa and {second.id} state {release or state} in {name}", 0,
                       lambda f=first, s=second: confirmed(f, s))  # type: ignore[misc]  # fmt: skip
            alone = ()

    def asked(self, command: Any, first: Actor, second: Actor) -> State | None:
        """What the first person asks for, and the second confirms."""
        return confirmed(give(self.state, first, command), second)

    # -- requests and problems ------------------------------------------------------------------------------

    def requests(self) -> Iterator[Move]:
        for request in self.situation.requests.values():
            if request.environment not in self.scope.places():
                continue
            command = c_deploy.StartDeploy(
                release=request.release, deploy=request.deploy, observed=self.observes[request.environment]
            )
            yield self.one(f"start the {request.intent} of {request.release}", RUNNER, command)
            cancel = c_deploy.CancelDeploy(release=request.release, deploy=request.deploy, reason="x")
            yield self.one(
                f"cancel the {request.intent} of {request.release}", AUTHOR.get(request.release, ANTON), cancel
            )

    def problems(self) -> Iterator[Move]:
        for problem in self.situation.problems.values():
            name = problem.problem
            for actor in (VERA, ROSA, DORA):
                command = c_problem.ResolveProblem(problem=name, how="x")
                yield self.one(f"{actor.id} resolves {name}", actor, command)
            if problem.environment == PRODUCTION and self.may_ask:
                back = c_deploy.RequestRollback(environment=PRODUCTION, problem=name)
                yield self.one(f"roll back for {name}", VERA, back)
                if "tries" in self.scope.disturb:
                    elsewhere = replace(back, environment=STAGE)
                    yield self.one(f"roll stage back for {name}", VERA, elsewhere)
                further = {o.release for o in self.environments[PRODUCTION].history}
                if len(further) > 1:
                    far = replace(back, release=self.environments[PRODUCTION].history[0].release)
                    yield f"roll back further for {name}", 0, lambda c=far: self.asked(c, ROSA, VERA)  # type: ignore[misc]
        if self.disturbs("it is there again"):
            for stream in self.state.streams:
                kind, _, name = stream.partition("/")
                if kind == "problem" and name not in self.situation.problems:
                    yield self.one(f"{name} is there again", VERA, c_problem.ReopenProblem(problem=name, reason="x"), 1)


def _refused() -> None:
    return None
