"""What must hold of each event, read from the events alone, and from none of the rules.

The flow is told here a second time, in other words and as a fold: what the oracle remembers stands in the state of the
search, so that two states are one only where the oracle knows the same too. Where it and the rules disagree, one of
them is wrong.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from interlock.events.envelope import Recorded

DEVELOPMENT, TESTS, SANDBOX, STAGE, PRODUCTION = ORDER = ("sandbox-anton", "tests", "sandbox", "stage", "production")
OWNER = "anton"
AREAS = frozenset({"orders", "quotes", "positions"})
SNAPSHOT_AGE = timedelta(days=7)
LOGS_AGE = timedelta(minutes=75)
Thing = tuple[str, str]


class Wrong(AssertionError):
    """an event that must never have been recorded"""


class Rel(NamedTuple):
    """A release: what it is made of, and what was found out about exactly this content."""

    kind: str
    authors: frozenset[str]
    problem: str | None = None
    state: str = "open"
    held: bool = False
    content: str | None = None
    contains: frozenset[str] = frozenset()
    fixes: tuple[str, ...] = ()
    migrations: frozenset[str] = frozenset()
    incompatible: bool = False
    adds: bool = False
    named: frozenset[str] = frozenset()
    developed: bool = False
    tests: frozenset[str] | None = None
    qa: str | None = None
    hotfix: tuple[str, str] | None = None
    reached: frozenset[str] = frozenset()
    tried: str | None = None
    fixed: bool = False


class Running(NamedTuple):
    """A deploy under way, and what there was before it."""

    deploy: str
    thing: Thing
    intent: str
    position: int
    before: tuple[Thing | None, bool]
    changed: tuple[int, datetime | None]
    left: frozenset[str]
    was_fixed: bool


class Attempt(NamedTuple):
    """A deploy that came to no known end: its retry finds what the first attempt found."""

    deploy: str
    thing: Thing
    intent: str
    changed: tuple[int, datetime | None]


class Held(NamedTuple):
    """The lease of an environment."""

    lease: str
    kind: str
    holder: str
    activity: str
    until: datetime
    feed: str | None


RUNNER = "ci-1"
FEEDS = {DEVELOPMENT: "IEX Sandbox", SANDBOX: "IEX Production"}


class Place(NamedTuple):
    """An environment. `last` is what was sure to be there last, and whether a deploy had brought it."""

    at: Thing | None = None
    brought: bool = False
    unsure: int = 0
    lease: Held | None = None
    token: int = 0
    running: Running | None = None
    attempt: Attempt | None = None
    lost: tuple[str, Thing | None, bool] | None = None
    gone: tuple[tuple[str, Thing | None], ...] = ()
    shaken: bool = False
    frozen: tuple[datetime | None] | None = None
    judged: Thing | None = None
    last: tuple[Thing, bool] | None = None


class Rehearsal(NamedTuple):
    """What was done in stage for the deploy that is there; each with the position at which it was done."""

    thing: Thing
    review: tuple[str, int] | None = None
    restore: tuple[datetime, int] | None = None
    migrated: tuple[frozenset[str], int] | None = None
    core: tuple[str, int] | None = None


class Trouble(NamedTuple):
    """An open problem."""

    place: str
    release: str | None
    failed: bool


class Ghost(NamedTuple):
    """Everything that the oracle remembers."""

    releases: dict[str, Rel]
    places: dict[str, Place]
    problems: dict[str, Trouble]
    rehearsal: Rehearsal | None = None
    changed: tuple[int, datetime | None] = (0, None)
    running: Thing | None = None
    ran: tuple[tuple[str, str, frozenset[str]], ...] = ()
    rolled_back: frozenset[str] = frozenset()
    logs: datetime | None = None
    identities: tuple[tuple[str, Any], ...] = ()

    def read(self, recorded: Recorded[Any]) -> Ghost:
        """The oracle after this event. Raises Wrong."""
        reader = _READERS.get(recorded.type)
        return self if reader is None else reader(self, recorded)


NOTHING = Ghost({}, {place: Place() for place in ORDER}, {})


def must(holds: bool, what: str) -> None:
    if not holds:
        raise Wrong(what)


def _place(ghost: Ghost, name: str, **changes: Any) -> Ghost:
    return ghost._replace(places={**ghost.places, name: ghost.places[name]._replace(**changes)})


def _release(ghost: Ghost, name: str, **changes: Any) -> Ghost:
    return ghost._replace(releases={**ghost.releases, name: ghost.releases[name]._replace(**changes)})


def _name(recorded: Recorded[Any]) -> str:
    return recorded.stream.partition("/")[2]


# -- releases -----------------------------------------------------------------------------------------------


def _opened(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    event = recorded.event
    must(event.name not in ghost.releases, "a release's name was used twice")
    if event.kind == "hotfix":
        problem = ghost.problems.get(event.problem)
        holds = problem is not None and problem.place == PRODUCTION
        must(holds, "a hotfix was opened without an open problem in production")
    rel = Rel(event.kind, frozenset({recorded.actor.id}), event.problem)
    return ghost._replace(releases={**ghost.releases, event.name: rel})


def _content(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    event, name = recorded.event, _name(recorded)
    rel = ghost.releases[name]
    must(rel.state == "open", "a release that is over was given content")
    runs = any(p.running is not None and p.running.thing[0] == name for p in ghost.places.values())
    must(not runs, "content was changed under a running deploy")
    must(not rel.fixed, "content was changed after it started in production")
    authors = rel.authors | {recorded.actor.id} | {commit.author for commit in event.commits}
    rel = rel._replace(
        authors=authors,
        contains=frozenset(event.contains),
        fixes=event.fixes,
        migrations=frozenset(m.id for m in event.migrations),
        incompatible=any(not m.backward_compatible for m in event.migrations),
        adds=event.adds_functionality,
        named=frozenset(event.new_tests),
        developed=False,
        hotfix=None,
    )
    if rel.content != event.content_digest:
        rel = rel._replace(content=event.content_digest, tests=None, qa=None, reached=frozenset())
        if ghost.rehearsal is not None and ghost.rehearsal.thing[0] == name:
            ghost = ghost._replace(rehearsal=None)
    return ghost._replace(releases={**ghost.releases, name: rel})


def _rests(ghost: Ghost, place: str, name: str, content: str, what: str) -> None:
    """The release is there with this content, brought by a deploy, and nothing runs there."""
    here = ghost.places[place]
    must(here.at == (name, content) and here.brought and not here.unsure, f"{what} where it is not: {place}")
    must(here.lease is None, f"{what} while something runs in {place}")
    must(ghost.releases[name].content == content, f"{what} of an old content")


def _developed(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    name, content = _name(recorded), recorded.event.content_digest
    _rests(ghost, DEVELOPMENT, name, content, "development was confirmed")
    must(recorded.actor.id == OWNER, "development was confirmed by somebody else than the owner")
    return _release(ghost, name, developed=True)


def _hotfix(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    event, name = recorded.event, _name(recorded)
    rel, problem = ghost.releases[name], ghost.problems.get(event.problem)
    must(rel.content == event.content_digest, "an old content was confirmed as a hotfix")
    must(recorded.actor.id not in rel.authors, "an author confirmed his own hotfix")
    must(problem is not None and problem.place == PRODUCTION, "a hotfix was confirmed for no problem")
    return _release(ghost, name, hotfix=(event.problem, recorded.actor.id), problem=event.problem)


def _tested(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    event, name = recorded.event, _name(recorded)
    must(ghost.places[TESTS].judged == (name, event.content_digest), "a run was a verdict on what was not there")
    _reports(ghost, TESTS, recorded, "test-run")
    if ghost.releases[name].content != event.content_digest:
        return ghost
    return _release(ghost, name, tests=frozenset(event.ran) if recorded.type == "TestsPassed" else None)


def _blocked(ghost: Ghost, name: str, place: str, *, approves: bool) -> bool:
    """Whether an open problem keeps the release from leaving for `place`, or from being approved there."""
    here = ORDER.index(place)
    return any(
        not problem.failed
        and problem.release == name
        and (here > ORDER.index(problem.place) or (approves and here == ORDER.index(problem.place)))
        for problem in ghost.problems.values()
    )


def _qa(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    event, name = recorded.event, _name(recorded)
    by, content = recorded.actor.id, event.content_digest
    good = recorded.type == "ManualQAApproved"
    if good:
        _rests(ghost, event.environment, name, content, "it was approved")
        must(by not in ghost.releases[name].authors, "an author approved his own release")
        must(ghost.releases[name].state in {"open", "completed"}, "a release that is over was approved")
        must(not _blocked(ghost, name, event.environment, approves=True), "it was approved with an open problem")
    if event.scope == "team":
        if ghost.releases[name].content != content:
            return ghost
        return _release(ghost, name, qa=by if good else None)
    rehearsal = ghost.rehearsal
    if rehearsal is None or rehearsal.thing != (name, content):
        must(not good, "it was approved in stage without a rehearsal")
        return ghost
    if not good:
        return ghost._replace(rehearsal=rehearsal._replace(core=None))
    must(set(event.areas) >= AREAS, "areas are missing")
    must(rehearsal.restore is not None, "the core test was made on other data than production's")
    _migrated_all(ghost.releases[name], rehearsal)
    return ghost._replace(rehearsal=rehearsal._replace(core=(by, recorded.position)))


def _migrated_all(rel: Rel, rehearsal: Rehearsal) -> None:
    if rel.migrations:
        must(rehearsal.migrated is not None and rehearsal.migrated[0] >= rel.migrations, "its migrations did not run")


def _review(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    event, name, rehearsal = recorded.event, _name(recorded), ghost.rehearsal
    good = recorded.type == "CodeReviewApproved"
    if good:
        _rests(ghost, STAGE, name, event.content_digest, "it was reviewed")
        must(recorded.actor.id not in ghost.releases[name].authors, "an author reviewed his own release")
        must(rehearsal is not None, "it was reviewed without a rehearsal")
        must(not _blocked(ghost, name, STAGE, approves=True), "it was reviewed with an open problem")
        base = ghost.running[0] if ghost.running is not None else None
        must(event.base_release == base, "the review did not cover all changes since production")
    if rehearsal is None or rehearsal.thing != (name, event.content_digest):
        return ghost
    review = (recorded.actor.id, recorded.position) if good else None
    return ghost._replace(rehearsal=rehearsal._replace(review=review))


def _held(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    return _release(ghost, _name(recorded), held=recorded.type == "ReleaseHeld")


def _ended(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    name = _name(recorded)
    state = {"ReleaseCompleted": "completed", "ReleaseWithdrawn": "withdrawn"}.get(recorded.type, "superseded")
    if state == "withdrawn":
        must(ghost.releases[name].state == "open", "what is over was withdrawn")
        for place, here in ghost.places.items():
            runs = here.running is not None and here.running.thing[0] == name
            must(not runs, f"a release was withdrawn while a deploy of it runs in {place}")
        attempt = ghost.places[PRODUCTION].attempt
        must(attempt is None or attempt.thing[0] != name, "withdrawn while its production deploy is not settled")
    return _release(ghost, name, state=state)


# -- leases -------------------------------------------------------------------------------------------------


def _granted(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    event = recorded.event
    here = ghost.places[event.environment]
    must(here.lease is None, f"two activities hold {event.environment}")
    must(event.fencing_token > here.token, "a fencing token was given twice")
    by_hand = event.kind == "deploy" and event.environment in {DEVELOPMENT, SANDBOX} and event.release in ghost.releases
    independent = by_hand and recorded.actor.id not in ghost.releases[event.release].authors
    must(recorded.actor.id == RUNNER or independent, f"a person began a {event.kind}, or an author")
    found = event.observed.identity
    must(dict(ghost.identities).get(event.environment) == found, f"a {event.kind} began on another server")
    kind, subject = event.kind, event.subject.split()
    if kind != "deploy":
        must(not _frozen(here, recorded.recorded_at), f"a {kind} began in a frozen environment")
        if here.at is not None:
            there = ghost.releases.get(here.at[0])
            must(there is None or not there.held, f"a {kind} began for a release that is held")
            must(there is None or there.state in {"open", "completed"}, f"a {kind} began for a release that is over")
    if kind == "test-run":
        must(not here.unsure, "a test run began where nobody knows what is there")
    if kind == "restore":
        source = subject[-1]
        must(event.environment != STAGE or source == PRODUCTION, "stage was restored from elsewhere")
        retries = here.lost is not None and here.lost[0] == source and not here.shaken
        must(not here.unsure or retries, "a restore began where nobody knows what is there")
        if event.environment == STAGE:
            there_or_retried = here.unsure or (here.at is not None and here.brought)
            must(bool(there_or_retried), "stage was restored for nobody")
    if kind == "migration":
        rehearsal = ghost.rehearsal
        must(not here.unsure and here.brought, "a migration began where nobody knows what is there")
        must(rehearsal is not None and rehearsal.thing == here.at, "a migration began without a rehearsal")
        fresh = rehearsal is not None and rehearsal.restore is not None and rehearsal.migrated is None
        must(fresh, "a migration began on data that was not restored for it")
    lease = Held(event.lease, kind, event.holder, subject[1], event.expires_at, event.observed.feed)
    judged = here.at if kind == "test-run" else here.judged
    lost = here.lost
    if kind == "restore" and not here.unsure:
        lost = None
    return _place(ghost, event.environment, lease=lease, token=event.fencing_token, judged=judged, lost=lost)


def _frozen(here: Place, now: datetime) -> bool:
    return here.frozen is not None and (here.frozen[0] is None or now < here.frozen[0])


def _renewed(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    event = recorded.event
    lease = ghost.places[event.environment].lease
    must(lease is not None, "a lease was renewed that was over")
    assert lease is not None
    must(recorded.recorded_at < lease.until, "a lease was renewed that was over")
    return _place(ghost, event.environment, lease=lease._replace(until=event.expires_at))


def _reports(ghost: Ghost, place: str, recorded: Recorded[Any], kind: str) -> None:
    """Only the holder of the lease reports, a runner, and in time."""
    lease = ghost.places[place].lease
    must(lease is not None, f"a {kind} was reported after its lease was over")
    assert lease is not None
    must(lease.kind == kind, f"a {kind} was reported under a {lease.kind}")
    must(recorded.actor.id == lease.holder, f"a {kind} was reported by another than holds the lease")
    must(recorded.recorded_at < lease.until, f"a {kind} was reported too late")


def _released(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    here = ghost.places[recorded.event.environment]
    must(
        here.lease is not None and here.lease.lease == recorded.event.lease, "a lease was given back that was not held"
    )
    return _place(ghost, recorded.event.environment, lease=None, judged=None)


def _lease_lost(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    name = recorded.event.environment
    here = ghost.places[name]
    must(here.lease is not None and here.lease.lease == recorded.event.lease, "a lease ended that was not held")
    assert here.lease is not None
    kind = here.lease.kind
    if kind == "test-run":
        return _place(ghost, name, lease=None, judged=None)
    if kind == "deploy":
        return _broke(_place(ghost, name, lease=None), name, recorded)
    ghost = _place(
        ghost,
        name,
        lease=None,
        unsure=recorded.position,
        lost=(PRODUCTION, *_there(here)) if kind == "restore" and not here.shaken else None,
        at=None,
        brought=False,
        shaken=here.shaken or kind == "migration",
        gone=(*here.gone, (here.lease.activity, None)),
    )
    return _unrestored(ghost, name)


def _there(here: Place) -> tuple[Thing | None, bool]:
    """What was there before the doubt, where it can come back."""
    if here.at is None and here.lost is not None:
        return here.lost[1], here.lost[2]
    return here.at, here.brought


def _unrestored(ghost: Ghost, place: str) -> Ghost:
    if place != STAGE or ghost.rehearsal is None:
        return ghost
    return ghost._replace(rehearsal=ghost.rehearsal._replace(restore=None, migrated=None, core=None))


# -- deploys ------------------------------------------------------------------------------------------------


def _started(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    event, now = recorded.event, recorded.recorded_at
    name, thing = event.environment, (event.release, event.content_digest)
    here = ghost.places[name]
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
    ghost = _place(
        ghost, name, at=None, brought=False, running=running, attempt=attempt, lost=None, shaken=False, judged=None
    )
    if name == STAGE:
        ghost = ghost._replace(rehearsal=None)
    if name == PRODUCTION:
        ghost = ghost._replace(changed=(recorded.position, now), rolled_back=ghost.rolled_back | left)
        if event.release in ghost.releases:
            ghost = _release(ghost, event.release, tried=event.content_digest, fixed=True)
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
    must(not _frozen(here, now), "a deploy started in a frozen environment")
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
    must(not _blocked(ghost, event.release, name, approves=False), "it left an environment with an open problem")
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
    _migrated_all(rel, rehearsal)
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
    if retry or (now.weekday() >= 5 and 9 <= now.hour < 12):
        return
    # A hotfix may be linked to another problem since it was asked for.
    named = {event.problem, rel.problem if rel.kind == "hotfix" else None}
    linked = {name for name in named if name in ghost.problems and ghost.problems[name].place == PRODUCTION}
    must(bool(linked), "it started outside the window, with no open problem in production")
    failed = {name for name in linked if ghost.problems[name].failed and ghost.problems[name].release == event.release}
    if event.intent == "redeploy" or (failed and rel.tried == event.content_digest):
        return
    must(rel.kind == "hotfix", "a normal release started outside the window")
    must(rel.hotfix is not None and rel.hotfix[0] in linked, "an unconfirmed hotfix started outside the window")
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


def _succeeded(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    event = recorded.event
    name, thing = event.environment, (event.release, event.content_digest)
    here = ghost.places[name]
    must(here.running is not None and here.running.deploy == event.deploy, "a deploy ended that did not run")
    assert here.running is not None
    must(here.running.thing == thing, "a deploy ended with another content than it began with")
    _reports(ghost, name, recorded, "deploy")
    doubted = here.unsure > here.running.position
    rel = ghost.releases.get(event.release)
    if rel is not None and rel.content == thing[1]:
        ghost = _release(ghost, event.release, reached=rel.reached | {name})
    if doubted:
        return _place(ghost, name, running=None)
    ghost = _place(ghost, name, running=None, attempt=None)
    ghost = _place(ghost, name, at=thing, brought=True, unsure=0, lost=None, shaken=False, last=(thing, True))
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


def _failed(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    event = recorded.event
    name = event.environment
    here = ghost.places[name]
    must(here.running is not None and here.running.deploy == event.deploy, "a deploy failed that did not run")
    _reports(ghost, name, recorded, "deploy")
    if event.environment_left != "unchanged":
        return _broke(ghost, name, recorded)
    assert here.running is not None
    running, doubted = here.running, here.unsure > here.running.position
    ghost = _place(ghost, name, running=None)
    if not doubted:
        ghost = _place(ghost, name, at=running.before[0], brought=running.before[1])
    if name == PRODUCTION:
        ghost = ghost._replace(rolled_back=ghost.rolled_back - running.left)
        if not doubted:
            ghost = ghost._replace(changed=running.changed)
        if event.release in ghost.releases:
            ghost = _release(ghost, event.release, fixed=running.was_fixed)
    return ghost


def _broke(ghost: Ghost, name: str, recorded: Recorded[Any]) -> Ghost:
    """A deploy came to no known end."""
    here = ghost.places[name]
    running = here.running
    assert running is not None
    disturbed = here.shaken or here.unsure > running.position
    attempt = None if disturbed else Attempt(running.deploy, running.thing, running.intent, running.changed)
    ghost = _place(
        ghost, name, running=None, at=None, brought=False, unsure=recorded.position, attempt=attempt, lost=None,
        gone=(*here.gone, (running.deploy, running.thing)),
    )  # fmt: skip
    if name == PRODUCTION:
        ghost = ghost._replace(changed=(recorded.position, recorded.recorded_at))
    return ghost


def _doubt(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    name = recorded.event.environment
    ghost = _place(ghost, name, unsure=recorded.position, at=None, brought=False, judged=None)
    if name == PRODUCTION:
        ghost = ghost._replace(changed=(recorded.position, recorded.recorded_at))
    return ghost


def _seen(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    """Something was found there that nobody asked for; the late report of lost work is that work's own."""
    event = recorded.event
    here = ghost.places[event.environment]
    if getattr(event, "kind", "") == "other" or event.source in dict(here.gone):
        return ghost
    return _place(ghost, event.environment, attempt=None, lost=None, shaken=True)


def _stated(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    event = recorded.event
    must(event.asked_by != event.confirmed_by, "one person counted as two")
    name = event.environment
    here = ghost.places[name]
    must(here.lease is None, "something was stated while something runs there")
    thing = (event.release, event.content_digest) if event.release is not None else None
    # What a deploy had brought is brought by it still, where all is as it was before the doubt.
    brought = thing is not None and here.last == (thing, True)
    last = (thing, brought) if thing is not None else here.last
    ghost = _place(ghost, name, at=thing, brought=brought, unsure=0, attempt=None, lost=None, shaken=False, last=last)
    if name == STAGE:
        ghost = ghost._replace(rehearsal=None)
    if name == PRODUCTION:
        ghost = ghost._replace(changed=(recorded.position, recorded.recorded_at), logs=recorded.recorded_at)
        if thing is not None:
            ghost = _runs(ghost, thing, recorded)
    return ghost


def _registered(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    identities = {**dict(ghost.identities), recorded.event.environment: recorded.event.identity}
    return ghost._replace(identities=tuple(identities.items()))


def _requested(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    # A redeploy lets in nothing new: it needs what any start needs, and no more.
    owned = recorded.event.environment == DEVELOPMENT and recorded.event.intent != "redeploy"
    must(not owned or recorded.actor.id == OWNER, "somebody else than the owner asked for a deploy to his sandbox")
    return ghost


# -- what else happens there --------------------------------------------------------------------------------


def _freeze(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    frozen = (recorded.event.until,) if recorded.type == "EnvironmentFrozen" else None
    return _place(ghost, recorded.event.environment, frozen=frozen)


def _logs(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    must(ghost.logs is None or recorded.event.since <= ghost.logs, "the logs were read with a gap")
    return ghost._replace(logs=recorded.event.until)


def _restored(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    event = recorded.event
    here = ghost.places[event.environment]
    _reports(ghost, event.environment, recorded, "restore")
    if event.environment == STAGE and ghost.rehearsal is not None:
        restore = (event.taken_at, recorded.position)
        ghost = ghost._replace(rehearsal=ghost.rehearsal._replace(restore=restore, migrated=None, core=None))
    if here.unsure and here.lost is not None:
        # What was lost is done now: the code there never changed.
        ghost = _place(ghost, event.environment, unsure=0, at=here.lost[1], brought=here.lost[2], lost=None)
    return ghost


def _data_void(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    if recorded.type == "DataRestoreFailed":
        _reports(ghost, recorded.event.environment, recorded, "restore")
    return _unrestored(ghost, recorded.event.environment)


def _migration(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    event, rehearsal = recorded.event, ghost.rehearsal
    _reports(ghost, STAGE, recorded, "migration")
    if recorded.type == "StageMigrationFailed":
        return _unrestored(ghost, STAGE)
    if rehearsal is None or rehearsal.thing[1] != event.content_digest:
        return ghost
    ids = frozenset(migration.id for migration in event.migrations)
    return ghost._replace(rehearsal=rehearsal._replace(migrated=(ids, recorded.position), core=None))


# -- problems -----------------------------------------------------------------------------------------------


def _trouble(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    event = recorded.event
    trouble = Trouble(event.environment, event.release, event.failed_deploy is not None)
    return ghost._replace(problems={**ghost.problems, event.problem: trouble})


def _over(ghost: Ghost, recorded: Recorded[Any]) -> Ghost:
    event, by = recorded.event, recorded.actor.id
    trouble = ghost.problems[event.problem]
    for name, rel in ghost.releases.items():
        blocked = trouble.place == PRODUCTION and rel.kind == "normal" and rel.state == "open"
        fixes = rel.state in {"open", "completed"} and (event.problem in rel.fixes or event.problem == rel.problem)
        if blocked or fixes or name in {trouble.release, getattr(event, "fixed_by_release", None)}:
            must(by not in rel.authors, "an author closed what his release is judged by")
    if trouble.failed:
        here = ghost.places[PRODUCTION]
        must(not here.unsure and here.running is None, "the problem of a failed deploy was closed before all is known")
    return ghost._replace(problems={name: one for name, one in ghost.problems.items() if name != event.problem})


_READERS: dict[str, Any] = {
    "ReleaseOpened": _opened,
    "ReleaseContentSet": _content,
    "DevelopmentConfirmed": _developed,
    "HotfixConfirmed": _hotfix,
    "TestsPassed": _tested,
    "TestsFailed": _tested,
    "ManualQAApproved": _qa,
    "ManualQARejected": _qa,
    "ManualQAWithdrawn": _qa,
    "CodeReviewApproved": _review,
    "CodeReviewRejected": _review,
    "CodeReviewWithdrawn": _review,
    "ReleaseHeld": _held,
    "ReleaseHoldLifted": _held,
    "ReleaseCompleted": _ended,
    "ReleaseWithdrawn": _ended,
    "ReleaseSuperseded": _ended,
    "LeaseGranted": _granted,
    "LeaseRenewed": _renewed,
    "LeaseReleased": _released,
    "LeaseExpired": _lease_lost,
    "LeaseBroken": _lease_lost,
    "EnvironmentRegistered": _registered,
    "DeployRequested": _requested,
    "DeployStarted": _started,
    "DeploySucceeded": _succeeded,
    "DeployFailed": _failed,
    "EnvironmentUnsure": _doubt,
    "DriftDetected": _seen,
    "FactObserved": _seen,
    "EnvironmentConfirmed": _stated,
    "EnvironmentBaselined": _stated,
    "EnvironmentFrozen": _freeze,
    "EnvironmentUnfrozen": _freeze,
    "LogsChecked": _logs,
    "DataRestored": _restored,
    "DataRestoreFailed": _data_void,
    "DataMarkedCorrupt": _data_void,
    "StageMigrated": _migration,
    "StageMigrationFailed": _migration,
    "ProblemReported": _trouble,
    "ProblemReopened": _trouble,
    "ProblemResolved": _over,
    "ProblemDismissed": _over,
}
