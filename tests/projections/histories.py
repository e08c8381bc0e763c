"""Histories that nobody thought of: plausible ones by a random walk, and impossible ones of arbitrary events."""
# Long: one random walker over all event types, each of its steps a few lines.

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from random import Random
from typing import Any, Literal, Union, get_args, get_origin

from interlock.events.catalogue import CATALOGUE, team
from interlock.events.catalogue import adjustment as adj
from interlock.events.catalogue import environment as env
from interlock.events.catalogue import problem as prob
from interlock.events.catalogue import release as rel
from interlock.events.catalogue.parts import Observed
from interlock.events.shapes import hints_of
from tests.projections import story
from tests.projections.tape import START, Tape

ENVIRONMENTS = ("sandbox-anton", "tests", "sandbox", "stage", "production")
PEOPLE = ("anton", "qa-1", "qa-2", "ci-1")


@dataclass
class World:
    """What the walk has to remember so that what it writes might have happened."""

    tape: Tape
    random: Random
    releases: dict[str, str] = field(default_factory=dict)
    at_work: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    restoring: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    adjustments: dict[str, str] = field(default_factory=dict)
    adjusting: str | None = None
    deploys: int = 0

    def some(self, values: Any) -> Any:
        return self.random.choice(sorted(values))


def walk(random: Random, steps: int, project: str = "shop") -> Tape:
    """A plausible history of about `steps` commands."""
    world = World(Tape(project), random)
    for environment in ENVIRONMENTS:
        if random.random() < 0.5:
            baselined(world, environment)
    for _ in range(steps):
        random.choices([step for step, _ in STEPS], [weight for _, weight in STEPS])[0](world)
    return world.tape


def baselined(world: World, environment: str) -> None:
    empty = world.random.random() < 0.4
    world.tape.add(
        "x",
        env.EnvironmentBaselined(
            environment=environment,
            empty=empty,
            asked_by="anton",
            confirmed_by="qa-1",
            release=None if empty else "base",
            content_digest=None if empty else story.digest("base"),
        ),
    )


def open_release(world: World) -> None:
    name = f"4.{len(world.releases)}.0"
    story.opened(world.tape, name)
    world.releases[name] = f"{name} first"
    story.content(world.tape, name, f"{name} first")


def set_content(world: World) -> None:
    if world.releases:
        name = world.some(world.releases)
        world.releases[name] = world.some((f"{name} first", f"{name} second", f"{name} third"))
        story.content(world.tape, name, world.releases[name])
        if world.random.random() < 0.5:
            world.tape.add(
                f"release/{name}",
                rel.EvidenceInvalidated(evidence=("TestsPassed", "ManualQAApproved sandbox"), cause="new content"),
            )


def start(world: World) -> None:
    free = set(ENVIRONMENTS) - world.at_work.keys() - world.restoring
    if not world.releases or not free:
        return
    name, environment = world.some(world.releases), world.some(free)
    world.deploys += 1
    deploy = f"D-{world.deploys}"
    made_of = world.releases[name]
    asked = story.requested(world.tape, name, made_of, environment, deploy, at_window=world.random.random() < 0.3)
    ending = world.random.random()
    stream = f"release/{name}"
    if ending < 0.1:
        world.tape.add(stream, rel.DeployExpired(deploy=deploy, release=name, environment=environment), by="watch")
        return
    story.started(world.tape, name, made_of, environment, deploy, causation=asked)
    world.at_work[environment] = (name, made_of, deploy)


def finish(world: World) -> None:
    if not world.at_work:
        return
    environment = world.some(world.at_work)
    name, made_of, deploy = world.at_work.pop(environment)
    ending = world.random.random()
    lost = env.EnvironmentUnsure(environment=environment, cause=f"{deploy} is lost")
    if ending < 0.5:
        done = (rel.ReleaseCompleted(deploy=deploy),) if environment == "production" else ()
        story.succeeded(world.tape, name, made_of, environment, deploy, *done)
    elif ending < 0.7:
        story.failed(world.tape, name, made_of, environment, deploy, "unchanged")
    elif ending < 0.85:
        story.failed(world.tape, name, made_of, environment, deploy, world.some(("partial", "unknown")), lost)
    else:
        world.tape.add("x", env.LeaseExpired(environment=environment, lease="L-1"), lost, by="watch")


def restore(world: World) -> None:
    free = set(ENVIRONMENTS[:4]) - world.at_work.keys() - world.restoring
    if free:
        environment = world.some(free)
        world.tape.add(
            "x",
            env.LeaseGranted(
                environment=environment,
                lease="L-9",
                kind="restore",
                holder="ci-1",
                subject="restore S-1 from production",
                fencing_token=world.tape.position + 1,
                expires_at=world.tape.now,
                observed=Observed(),
            ),
            by="ci-1",
        )
        world.restoring.add(environment)


def end_restore(world: World) -> None:
    if not world.restoring:
        return
    environment = world.some(world.restoring)
    world.restoring.discard(environment)
    ending = world.random.random()
    released = env.LeaseReleased(environment=environment, lease="L-9")
    if ending < 0.6:
        world.tape.add(
            "x",
            env.DataRestored(
                environment=environment, restore="S-1", source="production", snapshot="nightly", taken_at=world.tape.now
            ),
            released,
            by="ci-1",
        )
    elif ending < 0.7:
        world.tape.add(
            "x",
            env.DataRestoreFailed(environment=environment, restore="S-1", source="production", error="disk full"),
            released,
            by="ci-1",
        )
    else:
        broken = env.LeaseBroken(environment=environment, lease="L-9", reason="stuck")
        world.tape.add("x", broken, env.EnvironmentUnsure(environment=environment, cause="the restore is lost"))


def doubt(world: World) -> None:
    world.tape.add("x", env.EnvironmentUnsure(environment=world.some(ENVIRONMENTS), cause="drift"), by="watch")


def state(world: World) -> None:
    free = set(ENVIRONMENTS) - world.at_work.keys() - world.restoring
    if free and world.releases:
        what = world.some(("content", "empty", "mixed"))
        name = world.some(world.releases) if what == "content" else None
        world.tape.add(
            "x",
            env.EnvironmentConfirmed(
                environment=world.some(free),
                state=what,
                asked_by="anton",
                confirmed_by="qa-2",
                release=name,
                content_digest=story.digest(world.releases[name]) if name else None,
            ),
        )


def look_after(world: World) -> None:
    environment = world.some(ENVIRONMENTS)
    world.tape.add(
        "x",
        world.random.choice(
            [
                env.DataErased(environment=environment, cause="R-1"),
                env.DataMarkedCorrupt(environment=environment, reason="wrong prices"),
                env.DataMarkedClean(environment=environment, reason="repaired"),
                env.DataFeedSet(environment=environment, feed="IEX Sandbox"),
                env.LogsChecked(environment=environment, since=START, until=world.tape.now, result="clean"),
                env.LogCheckMissed(environment=environment, due_at=world.tape.now),
                env.EnvironmentFrozen(environment=environment, reason="exchange closed"),
                env.EnvironmentUnfrozen(environment=environment, reason="open again"),
                env.TestRunMissed(environment="tests", expected_at=world.tape.now, day="2026-11-24"),
            ]
        ),
        by=world.some(PEOPLE),
    )


def judge(world: World) -> None:
    if world.releases:
        name = world.some(world.releases)
        digest = story.digest(world.releases[name])
        world.tape.add(
            f"release/{name}",
            world.random.choice(
                [
                    rel.DevelopmentConfirmed(content_digest=digest),
                    rel.ManualQAApproved(environment="sandbox", scope="team", content_digest=digest, deploy="D-1"),
                    rel.ManualQARejected(environment="sandbox", scope="team", content_digest=digest, reason="no"),
                    rel.CodeReviewApproved(
                        content_digest=digest, deploy="D-1", commit_range="a..b", diff_digest=digest
                    ),
                    rel.ReleaseHeld(reason="wait"),
                    rel.ReleaseHoldLifted(reason="go"),
                ]
            ),
            by=world.some(PEOPLE),
        )


def trouble(world: World) -> None:
    if world.problems and world.random.random() < 0.6:
        name = world.some(world.problems)
        world.tape.add(
            "x",
            world.random.choice(
                [
                    prob.ProblemAcknowledged(problem=name),
                    prob.ProblemResolved(problem=name, how="fixed"),
                    prob.ProblemDismissed(problem=name, reason="none"),
                    prob.ReactionOverdue(problem=name, due_at=world.tape.now),
                    prob.ProblemReopened(
                        problem=name,
                        reason="again",
                        environment="sandbox",
                        title="again",
                        severity="low",
                        source="person",
                        react_by=world.tape.now,
                    ),
                ]
            ),
            by=world.some(PEOPLE),
        )
    else:
        world.problems.append(f"P-{len(world.problems) + 1}")
        story.reported(
            world.tape,
            world.problems[-1],
            world.some(ENVIRONMENTS),
            world.some(world.releases) if world.releases else None,
        )


def ask_for_adjustment(world: World) -> None:
    name = f"ADJ-{len(world.adjustments) + 1}"
    world.adjustments[name] = "open"
    done = [one for one, state in world.adjustments.items() if state == "executed"]
    reverts = world.some(done) if done and world.random.random() < 0.3 else None
    story.adjustment_requested(world.tape, name, by=world.some(PEOPLE), reverts=reverts)


def look_at_adjustment(world: World) -> None:
    """Somebody rehearses, verifies, rejects, amends or authorizes it, or its time is over."""
    still = [name for name, state in world.adjustments.items() if state == "open"]
    if not still:
        return
    name = world.some(still)
    world.random.choice(
        [
            lambda: story.adjustment_rehearsed(world.tape, name, good=world.random.random() < 0.7),
            lambda: story.adjustment_verified(world.tape, name, by=world.some(PEOPLE)),
            lambda: story.adjustment_verified(world.tape, name, by=world.some(PEOPLE)),
            lambda: story.adjustment_authorized(world.tape, name),
            lambda: world.tape.add(
                "x",
                adj.DataAdjustRejected(adjustment=name, bound_digest=story.digest(name), reason="no"),
                by=world.some(PEOPLE),
            ),
            lambda: world.tape.add(
                "x",
                adj.DataAdjustAmended(
                    adjustment=name, plan=story.plan(name, "more"), bound_digest=story.digest("more"), reason="more"
                ),
                by=world.some(PEOPLE),
            ),
            lambda: world.tape.add(
                "x",
                adj.DataAdjustExpired(adjustment=name, what=world.some(("authorization", "authorization", "request"))),
                by="watch",
            ),
            lambda: world.tape.add("x", adj.DataAdjustCancelled(adjustment=name, reason="not needed")),
        ]
    )()


def change_people(world: World) -> None:
    who = world.some(PEOPLE)
    happened = world.random.choice(
        [
            team.OperatorDesignated(environment="production", principal=who),
            team.OperatorDesignated(environment="production", principal=who, until=world.tape.now),
            team.RoleGranted(principal=who, role="verifier"),
            team.RoleRevoked(principal=who, role="verifier", reason="another task"),
            team.PrincipalDeactivated(principal=who, reason="left"),
        ]
    )
    world.tape.add("team", happened, by="anton")


def execute(world: World) -> None:
    still = [name for name, state in world.adjustments.items() if state == "open"]
    if not still or "production" in world.at_work or world.adjusting:
        return
    world.adjusting = world.some(still)
    story.adjustment_begun(world.tape, world.adjusting)


def end_execution(world: World) -> None:
    name, world.adjusting = world.adjusting, None
    if name is None:
        return
    ending = world.random.random()
    if ending < 0.6:
        story.adjustment_executed(world.tape, name)
        world.adjustments[name] = "executed"
    elif ending < 0.8:
        story.adjustment_failed(world.tape, name, "rolled_back")
    else:
        story.adjustment_failed(world.tape, name, "unknown", unsure=True)


def look_at_result(world: World) -> None:
    done = [name for name, state in world.adjustments.items() if state == "executed"]
    if done:
        name = world.some(done)
        world.tape.add(
            "x",
            world.random.choice(
                [
                    adj.DataAdjustResultVerified(adjustment=name, method="looked"),
                    adj.DataAdjustResultDisputed(adjustment=name, reason="wrong", problem="P-1"),
                    adj.DataAdjustReverted(adjustment=name, by="ADJ-1"),
                ]
            ),
            by=world.some(PEOPLE),
        )


STEPS: list[tuple[Callable[[World], None], float]] = [
    (open_release, 2),
    (set_content, 1),
    (start, 6),
    (finish, 6),
    (restore, 2),
    (end_restore, 2),
    (doubt, 0.7),
    (state, 0.7),
    (look_after, 2),
    (judge, 2),
    (trouble, 2),
    (ask_for_adjustment, 1),
    (look_at_adjustment, 4),
    (change_people, 0.7),
    (execute, 1),
    (end_execution, 1),
    (look_at_result, 0.7),
]

# What arbitrary events are made of: few names, so that they meet.
POOLS: Mapping[str, tuple[str, ...]] = {
    "environment": ("stage", "production"),
    "release": ("4.0.0", "4.1.0"),
    "name": ("4.0.0", "4.1.0"),
    "replaced_release": ("4.0.0", "4.1.0"),
    "deploy": ("D-1", "D-2"),
    "problem": ("P-1", "P-2"),
    "evidence": ("TestsPassed", "ManualQAApproved stage", "?"),
    "by": ("4.0.0", "ADJ-1"),
    "adjustment": ("ADJ-1", "ADJ-2"),
    "reverts": ("ADJ-1", "ADJ-2"),
    "subject": ("adjustment ADJ-1", "rehearsal ADJ-2", "adjustment/ADJ-1", "release/4.0.0"),
    "principal": PEOPLE,
}
STREAMS = ("release/4.0.0", "release/4.1.0", "team", "refusals/anton")


def chaos(random: Random, events: int, project: str = "shop") -> Tape:
    """Events of any type in any order: no rule would have let them happen, and still they must be readable."""
    tape = Tape(project)
    for _ in range(events):
        cls, _schema = CATALOGUE[random.choice(sorted(CATALOGUE))]
        event = arbitrary(random, cls)
        family = cls.__module__.rpartition(".")[2]
        stream = random.choice(STREAMS[:2]) if family == "release" else random.choice(STREAMS)
        tape.add(stream, event, by=random.choice(PEOPLE), causation=tape.position or None)
    return tape


def arbitrary(random: Random, cls: type[Any]) -> Any:
    hints = hints_of(cls)  # type: ignore[arg-type]
    made = {}
    for one in fields(cls):
        if one.default is None and random.random() < 0.3:
            continue
        made[one.name] = _value(random, one.name, hints[one.name])
    return cls(**made)


def _value(random: Random, name: str, hint: Any) -> Any:
    origin = get_origin(hint)
    if origin is Literal:
        return random.choice(get_args(hint))
    if origin in {Union, types.UnionType}:
        return _value(random, name, next(one for one in get_args(hint) if one is not type(None)))
    if origin is tuple:
        return tuple(_value(random, name, get_args(hint)[0]) for _ in range(random.randint(0, 2)))
    if origin is dict:
        return {}
    if hasattr(hint, "__dataclass_fields__"):
        return arbitrary(random, hint)
    if hint is bool:
        return random.random() < 0.5
    if hint is int:
        return random.randint(1, 9)
    if hint is datetime:
        return START + timedelta(minutes=random.randint(0, 5_000))
    if name.endswith(("digest", "_before", "_after", "report")) or name == "fingerprint":
        return story.digest(random.choice("ab"))
    return random.choice(POOLS.get(name, ("x", "y")))
