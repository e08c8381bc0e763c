"""What must hold of each deploy and of each doubt about an environment, read from the events alone."""
# Long: one gate after the other, told a second time, in the order of the flow.

from __future__ import annotations

from datetime import datetime
from typing import Any

from interlock.events.envelope import Recorded
from tests.proof.ghost import (
    DEVELOPMENT,
    FEEDS,
    LOGS_AGE,
    ORDER,
    OWNER,
    PRODUCTION,
    SNAPSHOT_AGE,
    STAGE,
    Attempt,
    Ghost,
    Rehearsal,
    Rel,
    Running,
    Thing,
    blocked,
    is_frozen,
    must,
    must_be_in_time,
    must_have_migrated,
    with_place,
    with_release,
)


def on_started(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    event, now = recorded.event, recorded.recorded_at
    name, thing = event.environment, (event.release, event.content_digest)
    here = ghost.places[name]
    must(now < dict(ghost.asked)[event.deploy], "it was started after its request was over")
    ghost = ghost._replace(asked=tuple(one for one in ghost.asked if one[0] != event.deploy))
    _judge_start(ghost, event, now)
    left: frozenset[str] = frozenset()
    if event.intent == "rollback":
        gone = {here.at[1]} if here.at is not None else set()
        if here.attempt is not None:
            gone.add(here.attempt.thing[1])
        left = frozenset(gone - {thing[1]}) - ghost.rolled_back
    same = here.attempt is not None and here.attempt.thing == thing and here.attempt.intent == event.intent
    running = Running(
        event.deploy,
        thing,
        event.intent,
        recorded.position,
        (here.at, here.brought),
        here.attempt.changed if here.attempt is not None else ghost.changed,
        left,
        event.release in ghost.releases and ghost.releases[event.release].fixed,
    )
    attempt = here.attempt if same else None
    ghost = with_place(
        ghost, name, at=None, brought=False, running=running, attempt=attempt, lost=None, shaken=False, judged=None
    )
    if name == STAGE:
        ghost = ghost._replace(rehearsal=None)
    if name == PRODUCTION:
        ghost = ghost._replace(changed=(recorded.position, now), rolled_back=ghost.rolled_back | left)
        if event.release in ghost.releases:
            ghost = with_release(ghost, event.release, tried=event.content_digest, fixed=True)
    return ghost


def _judge_start(ghost: Ghost, event: Any, now: datetime) -> None:
    name, thing = event.environment, (event.release, event.content_digest)
    here = ghost.places[name]
    must(here.lease is not None and here.lease.kind == "deploy", "a deploy started without the lease")
    if event.intent == "rollback":
        _judge_rollback(ghost, event)
        return
    rel = ghost.releases[event.release]
    must(rel.state in {"open", "completed"}, "a release that is over was started")
    must(rel.content == thing[1], "what was started is not the release's present content")
    must(not rel.held, "a release was started that is held")
    must(not is_frozen(here, now), "a deploy started in a frozen environment")
    retry = here.attempt is not None and here.attempt.thing == thing and here.attempt.intent != "rollback"
    must(not here.unsure or retry, f"a deploy started where nobody knows what is there: {name}")
    if name == PRODUCTION:
        must(thing[1] not in ghost.rolled_back, "what was rolled back from was started again")
        _judge_window(ghost, event, rel, now, retry=retry)
        _judge_ancestry(ghost, event, rel)
    if event.intent == "redeploy" and not retry:
        must(here.at == thing and here.brought, "a redeploy of what is not there")
        return
    if event.intent == "redeploy":
        return
    _judge_way(ghost, rel, name)
    must(FEEDS.get(name) in {None, here.lease.feed if here.lease else None}, "a release was let in with another feed")
    must(not blocked(ghost, event.release, name, approves=False), "it left an environment with an open problem")
    if name == PRODUCTION:
        _judge_production(ghost, event, rel, now, retry=retry)


def _judge_way(ghost: Ghost, rel: Rel, name: str) -> None:
    place = ORDER.index(name)
    if place >= 1:
        must(ORDER[place - 1] in rel.reached, f"it never was in {ORDER[place - 1]}")
        must(rel.developed, "nobody confirmed its development")
        must(not rel.adds or bool(rel.named), "new functionality without named tests")
    if place >= 2:
        must(rel.tests is not None, "its tests did not pass")
        must(rel.tests is None or rel.named <= rel.tests, "a named new test did not run")
    if place >= 3:
        must(rel.qa is not None, "nobody approved it in the sandbox")
        must(rel.qa not in rel.authors, "an author approved it in the sandbox")


def _judge_production(ghost: Ghost, event: Any, rel: Rel, now: datetime, *, retry: bool) -> None:
    here, stage, rehearsal = ghost.places[PRODUCTION], ghost.places[STAGE], ghost.rehearsal
    thing = (event.release, event.content_digest)
    must(stage.at == thing and stage.brought and not stage.unsure, "it is not in stage")
    must(rehearsal is not None and rehearsal.thing == thing, "it was not rehearsed")
    assert rehearsal is not None
    changed, since = here.attempt.changed if retry and here.attempt is not None else ghost.changed
    must(rehearsal.review is not None, "nobody reviewed it")
    must(rehearsal.restore is not None, "production's data was not restored for it")
    must(rehearsal.core is not None, "nobody tested core and affected areas")
    must_have_migrated(rel, rehearsal)
    assert rehearsal.review is not None
    assert rehearsal.restore is not None
    assert rehearsal.core is not None
    must(rehearsal.review[0] not in rel.authors, "an author reviewed it")
    must(rehearsal.core[0] not in rel.authors, "an author tested core and affected areas")
    for what, position in (("review", rehearsal.review[1]), ("restore", rehearsal.restore[1]),
                           ("core test", rehearsal.core[1])):  # fmt: skip
        must(position >= changed, f"the {what} was made before production changed")
    if rel.migrations and rehearsal.migrated is not None:
        must(rehearsal.migrated[1] >= changed, "the migrations ran before production changed")
    must(since is None or rehearsal.restore[0] >= since, "the snapshot was taken before production changed")
    must(now - rehearsal.restore[0] <= SNAPSHOT_AGE, "the snapshot is too old")
    if rel.kind == "normal":
        for name, problem in ghost.problems.items():
            own = problem.failed and problem.release == event.release
            aside = problem.place == PRODUCTION and name not in rel.fixes and not own
            must(not aside, "a normal release left a problem of production aside")
        runs = here.at is not None or here.unsure
        must(not runs or ghost.logs is None or now - ghost.logs <= LOGS_AGE, "nobody looked at production's logs")


def _judge_window(ghost: Ghost, event: Any, rel: Rel, now: datetime, *, retry: bool) -> None:
    if now.weekday() >= 5 and 9 <= now.hour < 12:
        return
    linked = ghost.problems.get(event.problem or "")
    must(linked is not None and linked.place == PRODUCTION, "it started outside the window, and names no open problem")
    assert linked is not None
    # What failed may be tried again while its failure's problem is open.
    failed = linked.failed and linked.release == event.release and rel.tried == event.content_digest
    if retry or failed or event.intent == "redeploy":
        return
    must(rel.kind == "hotfix", "a normal release started outside the window")
    must(rel.hotfix is not None and rel.hotfix[0] == event.problem, "an unconfirmed hotfix started outside the window")
    assert rel.hotfix is not None
    must(rel.hotfix[1] not in rel.authors, "an author confirmed the hotfix")


def _judge_ancestry(ghost: Ghost, event: Any, rel: Rel) -> None:
    """What production has is in what comes: its release, and every fix that is in it."""
    if ghost.running is None:
        return
    inside = rel.contains | {event.release}
    must(ghost.running[0] in inside, f"it does not contain {ghost.running[0]}, which production runs")
    lost = carried(ghost, ghost.running) - inside
    must(not lost, f"a fix leaves production: {', '.join(sorted(lost))}")


def carried(ghost: Ghost, thing: Thing) -> frozenset[str]:
    """The releases that are in what production ran: itself, and what it took in."""
    return next((carried for *what, carried in reversed(ghost.ran) if tuple(what) == thing), frozenset({thing[0]}))


def _judge_rollback(ghost: Ghost, event: Any) -> None:
    problem = ghost.problems.get(event.problem or "")
    must(event.environment == PRODUCTION, "a rollback elsewhere than in production")
    linked = problem is not None and problem.place == PRODUCTION
    must(linked, "a rollback without an open problem in production")
    must(any(content == event.content_digest for _, content, _ in ghost.ran), "a rollback to what never ran there")
    must(event.content_digest not in ghost.rolled_back, "a rollback to what was rolled back from")
    here, contents = ghost.places[PRODUCTION], [content for _, content, _ in ghost.ran]
    last = len(contents) - 1 - contents[::-1].index(event.content_digest)
    for release, content, _ in ghost.ran[last + 1 :]:
        rel = ghost.releases.get(release)
        # The content of what ran is frozen: what the release has now is what ran.
        over = rel is not None and rel.content == content and rel.incompatible
        must(not over, "a rollback over a migration that the old version cannot bear")
    if here.attempt is not None and here.attempt.intent != "rollback":
        rel = ghost.releases.get(here.attempt.thing[0])
        must(rel is None or not rel.incompatible, "a rollback over a half done migration that cannot be borne")


def on_succeeded(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    event = recorded.event
    name, thing = event.environment, (event.release, event.content_digest)
    here = ghost.places[name]
    must(here.running is not None and here.running.deploy == event.deploy, "a deploy ended that did not run")
    assert here.running is not None
    must(here.running.thing == thing, "a deploy ended with another content than it began with")
    must_be_in_time(ghost, name, recorded, "deploy")
    doubted = here.unsure > here.running.position
    rel = ghost.releases.get(event.release)
    if rel is not None and rel.content == thing[1]:
        ghost = with_release(ghost, event.release, reached=rel.reached | {name})
    if doubted:
        return with_place(ghost, name, running=None)
    ghost = with_place(ghost, name, running=None, attempt=None)
    ghost = with_place(ghost, name, at=thing, brought=True, unsure=0, lost=None, shaken=False, last=(thing, True))
    if name == STAGE:
        return ghost._replace(rehearsal=Rehearsal(thing))
    if name == PRODUCTION:
        return _runs(ghost, thing, recorded)
    return ghost


def _runs(ghost: Ghost, thing: Thing, recorded: Recorded[Any]) -> Ghost:
    known = next((carried for *what, carried in reversed(ghost.ran) if what[1] == thing[1]), None)
    if known is None:
        rel = ghost.releases.get(thing[0])
        known = (rel.contains if rel is not None and rel.content == thing[1] else frozenset()) | {thing[0]}
    ran = (*(one for one in ghost.ran if one[1] != thing[1]), (*thing, known))
    moment = recorded.recorded_at
    return ghost._replace(running=thing, ran=ran, changed=(recorded.position, moment), logs=moment)


def on_failed(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    event = recorded.event
    name = event.environment
    here = ghost.places[name]
    must(here.running is not None and here.running.deploy == event.deploy, "a deploy failed that did not run")
    must_be_in_time(ghost, name, recorded, "deploy")
    if event.environment_left != "unchanged":
        return broke(ghost, name, recorded)
    assert here.running is not None
    running, doubted = here.running, here.unsure > here.running.position
    ghost = with_place(ghost, name, running=None)
    if not doubted:
        ghost = with_place(ghost, name, at=running.before[0], brought=running.before[1])
    if name == PRODUCTION:
        ghost = ghost._replace(rolled_back=ghost.rolled_back - running.left)
        if not doubted:
            ghost = ghost._replace(changed=running.changed)
        if event.release in ghost.releases:
            ghost = with_release(ghost, event.release, fixed=running.was_fixed)
    return ghost


def broke(ghost: Ghost, name: str, recorded: Recorded[Any]) -> Ghost:
    """A deploy came to no known end."""
    here = ghost.places[name]
    running = here.running
    assert running is not None
    disturbed = here.shaken or here.unsure > running.position
    attempt = None if disturbed else Attempt(running.deploy, running.thing, running.intent, running.changed)
    ghost = with_place(
        ghost, name, running=None, at=None, brought=False, unsure=recorded.position, attempt=attempt, lost=None,
        gone=(*here.gone, (running.deploy, running.thing)),
    )  # fmt: skip
    if name == PRODUCTION:
        ghost = ghost._replace(changed=(recorded.position, recorded.recorded_at))
    return ghost


def on_doubt(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    name = recorded.event.environment
    ghost = with_place(ghost, name, unsure=recorded.position, at=None, brought=False, judged=None)
    if name == PRODUCTION:
        ghost = ghost._replace(changed=(recorded.position, recorded.recorded_at))
    return ghost


def on_seen(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    """Something was found there that nobody asked for; the late report of lost work is that work's own."""
    event = recorded.event
    here = ghost.places[event.environment]
    if getattr(event, "kind", "") == "other" or event.source in dict(here.gone):
        return ghost
    return with_place(ghost, event.environment, attempt=None, lost=None, shaken=True)


def on_stated(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    event = recorded.event
    must(event.asked_by != event.confirmed_by, "one person counted as two")
    name = event.environment
    here = ghost.places[name]
    must(here.lease is None, "something was stated while something runs there")
    if recorded.type == "EnvironmentBaselined":
        must(here.last is None, "a base was declared twice")
    else:
        must(bool(here.unsure), "two persons stated what nobody doubted")
    thing = (event.release, event.content_digest) if event.release is not None else None
    # What a deploy had brought is brought by it still, where all is as it was before the doubt.
    brought = thing is not None and here.last == (thing, True)
    last = (thing, brought) if thing is not None else here.last
    ghost = with_place(
        ghost, name, at=thing, brought=brought, unsure=0, attempt=None, lost=None, shaken=False, last=last
    )
    if name == STAGE:
        ghost = ghost._replace(rehearsal=None)
    if name == PRODUCTION:
        ghost = ghost._replace(changed=(recorded.position, recorded.recorded_at), logs=recorded.recorded_at)
        if thing is not None:
            ghost = _runs(ghost, thing, recorded)
    return ghost


def on_registered(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    identities = {**dict(ghost.identities), recorded.event.environment: recorded.event.identity}
    return ghost._replace(identities=tuple(identities.items()))


def on_requested(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    owned = recorded.event.environment == DEVELOPMENT
    must(not owned or recorded.actor.id == OWNER, "somebody else than the owner asked for a deploy to his sandbox")
    return ghost._replace(asked=(*ghost.asked, (recorded.event.deploy, recorded.event.expires_at)))


def on_request_over(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    return ghost._replace(asked=tuple(one for one in ghost.asked if one[0] != recorded.event.deploy))
