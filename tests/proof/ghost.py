"""What the oracle remembers of a project, and how it reads an event.

What it remembers stands in the state of the search, so that two states are one only where the oracle knows the same.
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


READERS: dict[str, Any] = {}


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
    migrations: frozenset[tuple[str, str]] = frozenset()
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
MANAGERS = frozenset({"vera", "rosa"})
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
    migrated: tuple[frozenset[tuple[str, str]], int] | None = None
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
    # Until when each request may be started: what a key tells of the requests in the situation tells it too.
    asked: tuple[tuple[str, datetime], ...] = ()

    def read(self, recorded: Recorded[Any]) -> Ghost:
        """The oracle after this event. Raises Wrong."""
        reader = READERS.get(recorded.type)
        return self if reader is None else reader(self, recorded)


def must(holds: bool, what: str) -> None:
    if not holds:
        raise Wrong(what)


def with_place(ghost: Ghost, name: str, **changes: Any) -> Ghost:
    return ghost._replace(places={**ghost.places, name: ghost.places[name]._replace(**changes)})


def with_release(ghost: Ghost, name: str, **changes: Any) -> Ghost:
    return ghost._replace(releases={**ghost.releases, name: ghost.releases[name]._replace(**changes)})


def name_of(recorded: Recorded[Any]) -> str:
    return recorded.stream.partition("/")[2]


def blocked(ghost: Ghost, name: str, place: str, *, approves: bool) -> bool:
    """Whether an open problem keeps the release from leaving for `place`, or from being approved there."""
    here = ORDER.index(place)
    return any(
        not problem.failed
        and problem.release == name
        and (here > ORDER.index(problem.place) or (approves and here == ORDER.index(problem.place)))
        for problem in ghost.problems.values()
    )


def is_frozen(here: Place, now: datetime) -> bool:
    return here.frozen is not None and (here.frozen[0] is None or now < here.frozen[0])


def must_have_migrated(rel: Rel, rehearsal: Rehearsal) -> None:
    if rel.migrations:
        must(rehearsal.migrated is not None and rehearsal.migrated[0] >= rel.migrations, "its migrations did not run")


def must_be_in_time(ghost: Ghost, place: str, recorded: Recorded[Any], kind: str) -> None:
    """Only the holder of the lease reports, a runner, and in time."""
    lease = ghost.places[place].lease
    must(lease is not None, f"a {kind} was reported after its lease was over")
    assert lease is not None
    must(lease.kind == kind, f"a {kind} was reported under a {lease.kind}")
    must(recorded.actor.id == lease.holder, f"a {kind} was reported by another than holds the lease")
    must(recorded.recorded_at < lease.until, f"a {kind} was reported too late")
