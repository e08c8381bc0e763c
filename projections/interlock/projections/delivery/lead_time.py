"""How long each change took to reach production, and what it waited for: from its release's events.

A pure function. Every instant between the commit and production belongs to exactly one of the three kinds of time, so
that they add up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from interlock.events.catalogue import environment as env
from interlock.events.catalogue import release as rel
from interlock.events.envelope import Recorded
from interlock.projections.delivery.deployments import Deployment

Span: TypeAlias = tuple[datetime, datetime]
OpenWindows: TypeAlias = Callable[[datetime, datetime], Sequence[Span] | None]
"""Gives the spans between two instants in which a deploy to production might start; None: always."""

_SENT_BACK = (
    rel.ReleaseContentSet,
    rel.ManualQARejected,
    rel.CodeReviewRejected,
    rel.TestsFailed,
    rel.StageMigrationFailed,
)
_VERDICTS = (
    rel.DevelopmentConfirmed,
    rel.HotfixConfirmed,
    rel.TestsPassed,
    rel.ManualQAApproved,
    rel.CodeReviewApproved,
    rel.StageMigrated,
)
_LEASE_ENDS = (env.LeaseReleased, env.LeaseExpired, env.LeaseBroken)
_TAKES_BACK = {
    "ManualQARejected": "ManualQAApproved",
    "CodeReviewRejected": "CodeReviewApproved",
    "TestsFailed": "TestsPassed",
    "StageMigrationFailed": "StageMigrated",
}
NONE = timedelta(0)


@dataclass(frozen=True, slots=True)
class Spent:
    """A length of time by what it was spent on; the three add up to `total`."""

    total: timedelta = NONE
    person: timedelta = NONE
    window: timedelta = NONE

    @property
    def working(self) -> timedelta:
        """What was neither waiting for a person nor for the window."""
        return self.total - self.person - self.window

    def __add__(self, other: Spent) -> Spent:
        """Return both together."""
        return Spent(self.total + other.total, self.person + other.person, self.window + other.window)


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one deployment brought to production first: when each change was committed, and how long each took.

    `content_position` is that of the event which says what it is made of.
    """

    deployment: Deployment
    content_position: int
    first_commit: datetime
    changes: tuple[Spent, ...]

    @property
    def longest(self) -> Spent:
        """The time of its oldest change: the bar that a plot shows."""
        return max(self.changes, key=lambda spent: spent.total)


def delivered(
    deployments: Iterable[Deployment], events: dict[str, list[Recorded[Any]]], open_windows: OpenWindows
) -> list[Delivered]:
    """Return what each deployment that succeeded brought first, in order; a rollback brings nothing new.

    `events` are each deployed release's own, in order.
    """
    known: set[tuple[str, str]] = set()
    found: list[Delivered] = []
    for deployment in sorted(deployments, key=lambda each: each.position):
        if deployment.outcome != "succeeded" or deployment.intent == "rollback" or deployment.at is None:
            continue
        own = [each for each in events.get(deployment.release, ()) if _of_its_own(each, deployment)]
        content = _content(own, deployment)
        if content is None:
            continue
        commits = [each for each in content.event.commits if (each.repository, each.sha) not in known]
        known.update((each.repository, each.sha) for each in commits)
        if commits:
            split = _splitter(own, deployment, open_windows)
            changes = tuple(split(commit.time, deployment.at) for commit in commits)
            found.append(Delivered(deployment, content.position, min(each.time for each in commits), changes))
    return found


def _of_its_own(recorded: Recorded[Any], deployment: Deployment) -> bool:
    """Tell whether it happened to the release, by the deployment's end; its line has what happened to others too."""
    about = getattr(recorded.event, "release", None)
    theirs = recorded.stream.startswith("release/") and recorded.stream != f"release/{deployment.release}"
    return recorded.position <= deployment.position and not theirs and about in {None, deployment.release}


def _content(own: Sequence[Recorded[Any]], deployment: Deployment) -> Recorded[Any] | None:
    """Return the event that says what was deployed."""
    return next(
        (
            recorded
            for recorded in reversed(own)
            if isinstance(recorded.event, rel.ReleaseContentSet)
            and recorded.position < deployment.started_position
            and recorded.event.content_digest == deployment.content_digest
        ),
        None,
    )


def _splitter(
    own: Sequence[Recorded[Any]], deployment: Deployment, open_windows: OpenWindows
) -> Callable[[datetime, datetime], Spent]:
    """Return what splits a time until the deployment's end into its three kinds."""
    assert deployment.at is not None
    working = joined([*developing(own, deployment.at), *activities(own, deployment.at)])
    closed: list[Span] = []
    complete = completed(each for each in own if each.position < deployment.started_position)
    if complete is not None and deployment.in_window:
        opened = open_windows(complete, deployment.started_at)
        closed = [] if opened is None else without([(complete, deployment.started_at)], opened)

    def split(since: datetime, until: datetime) -> Spent:
        # A commit may claim any time, also one after it was deployed.
        if since >= until:
            return Spent()
        rest = without([(since, until)], closed)
        return Spent(until - since, length(without(rest, working)), until - since - length(rest))

    return split


def completed(own: Iterable[Recorded[Any]]) -> datetime | None:
    """Return when the last verdict that was missing was there; the same verdict again, as each night, is no other one.

    A rejection takes back the verdicts of its kind, and new content takes back all.
    """
    said: dict[tuple[str, ...], datetime] = {}
    for recorded in own:
        event = recorded.event
        if isinstance(event, rel.ReleaseContentSet):
            said.clear()
        elif isinstance(event, _SENT_BACK):
            kind = _TAKES_BACK[recorded.type]
            said = {key: at for key, at in said.items() if key[0] != kind}
        elif isinstance(event, _VERDICTS):
            # A deploy to stage begins the rehearsal anew: its verdicts are others than those of the one before.
            key = (recorded.type, getattr(event, "environment", None) or "", getattr(event, "deploy", None) or "")
            said.setdefault(key, recorded.recorded_at)
    return max(said.values(), default=None)


def developing(own: Sequence[Recorded[Any]], until: datetime) -> list[Span]:
    """Return when the release was worked on by its developers: until the first verdict, and after it was sent back."""
    spans: list[Span] = []
    since: datetime | None = datetime.min.replace(tzinfo=until.tzinfo)
    for recorded in own:
        if isinstance(recorded.event, _SENT_BACK):
            since = since or recorded.recorded_at
        elif since is not None and isinstance(recorded.event, _VERDICTS):
            spans.append((since, recorded.recorded_at))
            since = None
    if since is not None:
        spans.append((since, until))
    return spans


def activities(own: Sequence[Recorded[Any]], until: datetime) -> list[Span]:
    """Return when an activity for the release held an environment: by its lease, or by its deploy's end."""
    spans: list[Span] = []
    held: dict[str, datetime] = {}
    for recorded in own:
        event = recorded.event
        if isinstance(event, env.LeaseGranted) and event.release is not None:
            held[event.environment] = recorded.recorded_at
        elif isinstance(event, (*_LEASE_ENDS, rel.DeploySucceeded, rel.DeployFailed)) and event.environment in held:
            spans.append((held.pop(event.environment), recorded.recorded_at))
    return spans + [(since, until) for since in held.values()]


def joined(spans: Iterable[Span]) -> list[Span]:
    """Return the same time as spans that do not overlap, in order."""
    found: list[Span] = []
    for since, until in sorted(spans):
        if found and since <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], until))
        elif since < until:
            found.append((since, until))
    return found


def without(spans: Sequence[Span], taken: Sequence[Span]) -> list[Span]:
    """Return what is left of `spans` outside `taken`, which are in order and do not overlap."""
    left: list[Span] = []
    for since, until in spans:
        at = since
        for begins, ends in taken:
            if ends <= at or begins >= until:
                continue
            if begins > at:
                left.append((at, begins))
            at = max(at, ends)
        if at < until:
            left.append((at, until))
    return left


def length(spans: Iterable[Span]) -> timedelta:
    """Return how long they are together."""
    return sum((until - since for since, until in spans), NONE)
