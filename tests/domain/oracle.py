"""What must have happened before a deploy started, read from the events alone, and from none of the rules.

It knows the flow a second time, in other words: where the two disagree, one of them is wrong.
"""
# Long: one fold that tells the flow a second time, read beside the rules from top to bottom.

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from interlock.events.envelope import Recorded
from tests.domain.story import ALL_AREAS, DEVELOPMENT, PRODUCTION, SANDBOX, STAGE, TESTS

Events = Sequence[Recorded[Any]]
Wanted = Callable[[Recorded[Any]], bool]
NEVER = -1
SNAPSHOT_AGE = timedelta(days=7)


def last(events: Events, wanted: Wanted, *types: str) -> int:
    """The index of the last event of these types that is wanted; NEVER where there is none."""
    return next((i for i in range(len(events) - 1, -1, -1) if events[i].type in types and wanted(events[i])), NEVER)


def of(release: str, content: str | None = None) -> Wanted:
    """Events of this release's stream, about this content."""
    return lambda e: e.stream == f"release/{release}" and content in {None, getattr(e.event, "content_digest", None)}


def there(environment: str) -> Wanted:
    """Events that name this environment."""
    return lambda e: getattr(e.event, "environment", None) == environment


def both(*wanted: Wanted) -> Wanted:
    """Events that all of them want."""
    return lambda e: all(one(e) for one in wanted)


class Before:
    """The project just before the event at `index`, which starts a deploy."""

    def __init__(self, events: Events, index: int) -> None:
        """Look at what the start names."""
        self.events = events[:index]
        self.at: datetime = events[index].recorded_at
        self.start = events[index].event
        self.release, self.content = self.start.release, self.start.content_digest
        sets = [i for i, e in enumerate(self.events) if e.type == "ReleaseContentSet" and of(self.release)(e)]
        self.described = sets[-1] if sets else NEVER
        self.set = NEVER
        for i in reversed(sets):
            if self.events[i].event.content_digest != self.content:
                break
            self.set = i
        self.description = self.events[self.described].event if sets else None

    def missing(self) -> Iterator[str]:
        """What the start lacks; nothing where it was right."""
        environment, intent = self.start.environment, self.start.intent
        if intent == "rollback":
            yield from self.rollback()
            return
        if self.set == NEVER:
            yield "this is not the release's present content"
            return
        if self.held() and intent != "rollback":
            yield "it is held"
        if intent == "redeploy" and not self.is_retry():
            yield from self.occupies(environment)
        if intent == "promote":
            yield from self.promoted(environment)
        if environment == PRODUCTION:
            yield from self.to_production()

    def held(self) -> bool:
        i = last(self.events, of(self.release), "ReleaseHeld", "ReleaseHoldLifted")
        return i != NEVER and self.events[i].type == "ReleaseHeld"

    def occupies(self, environment: str) -> Iterator[str]:
        i = last(
            self.events,
            there(environment),
            "DeploySucceeded",
            "EnvironmentUnsure",
            "EnvironmentConfirmed",
            "EnvironmentBaselined",
        )
        if i == NEVER or (self.events[i].type, getattr(self.events[i].event, "release", None)) != (
            "DeploySucceeded",
            self.release,
        ):
            stated = i != NEVER and self.events[i].type == "EnvironmentConfirmed"
            if not (stated and self.succeeded(environment) != NEVER):
                yield f"redeployed to {environment}, where it is not"

    def succeeded(self, environment: str) -> int:
        return last(self.events, both(of(self.release, self.content), there(environment)), "DeploySucceeded")

    def promoted(self, environment: str) -> Iterator[str]:
        order = (DEVELOPMENT, TESTS, SANDBOX, STAGE, PRODUCTION)
        place = order.index(environment)
        if place >= 1:
            if self.succeeded(order[place - 1]) < self.set:
                yield f"it never was in {order[place - 1]}"
            if last(self.events, of(self.release, self.content), "DevelopmentConfirmed") < self.described:
                yield "nobody confirmed it"
        if place >= 2:
            yield from self.tested()
        if place >= 3:
            yield from self.judged(SANDBOX, "team", self.set)

    def tested(self) -> Iterator[str]:
        i = last(self.events, of(self.release, self.content), "TestsPassed", "TestsFailed")
        if i < self.set or self.events[i].type != "TestsPassed":
            yield "its tests did not pass"
            return
        yield from self.undisturbed(TESTS, i)

    def undisturbed(self, environment: str, verdict: int) -> Iterator[str]:
        """The release was the occupant from its deploy to the verdict."""
        i = last(self.events[:verdict], there(environment), "DeploySucceeded", "DeployStarted", "EnvironmentUnsure")
        while i != NEVER and self.events[i].type == "EnvironmentUnsure":
            back = last(self.events[:verdict], there(environment), "DataRestored", "EnvironmentConfirmed")
            if back < i:
                break
            i = last(self.events[:i], there(environment), "DeploySucceeded", "DeployStarted", "EnvironmentUnsure")
        if i != NEVER and self.events[i].type == "DeployStarted" and self.left(i) == "unchanged":
            # A start that left all unchanged gives the place back.
            i = last(self.events[:i], there(environment), "DeploySucceeded")
        if i == NEVER or not both(of(self.release, self.content))(self.events[i]):
            yield f"it was not in {environment} when it was judged there"

    def authors(self) -> set[str]:
        found: set[str] = set()
        for i, e in enumerate(self.events):
            if e.type in {"ReleaseOpened", "ReleaseContentSet"} and of(self.release)(e):
                found.add(e.actor.id)
            if i >= self.set and e.type == "ReleaseContentSet" and of(self.release)(e):
                found |= {commit.author for commit in e.event.commits}
        return found

    def judged(self, environment: str, scope: str, since: int) -> Iterator[str]:
        wanted = both(of(self.release, self.content), lambda e: e.event.scope == scope)
        i = last(self.events, wanted, "ManualQAApproved", "ManualQARejected", "ManualQAWithdrawn")
        if i < since or i == NEVER or self.events[i].type != "ManualQAApproved":
            yield f"nobody approved it in {environment}"
            return
        if self.events[i].actor.id in self.authors():
            yield f"an author approved it in {environment}"
        if scope != "team" and not set(ALL_AREAS) <= set(self.events[i].event.areas):
            yield "areas are missing"
        yield from self.undisturbed(environment, i)

    # -- production -------------------------------------------------------------------------------------

    def is_retry(self) -> bool:
        return self.first_attempt() < len(self.events)

    def first_attempt(self) -> int:
        """The index of the first start of which this one is a retry; this start's own where it is none."""
        first = seen = len(self.events)
        while True:
            i = last(self.events[:seen], there(self.start.environment), "DeployStarted")
            if i == NEVER or not of(self.release, self.content)(self.events[i]):
                return first
            ended = [e.type for e in self.events[i + 1 : seen] if there(self.start.environment)(e)]
            if "DeploySucceeded" in ended or "EnvironmentConfirmed" in ended:
                return first
            seen = i
            if self.left(i) != "unchanged":
                first = i

    def left(self, start: int) -> str | None:
        """What the deploy that started there said it left behind when it failed."""
        deploy = self.events[start].event.deploy
        ends = [e.event for e in self.events[start:] if e.type == "DeployFailed" and e.event.deploy == deploy]
        return ends[0].environment_left if ends else None

    def to_production(self) -> Iterator[str]:
        if self.content in rolled_back(self.events):
            yield "it was rolled back from"
        yield from self.window()
        if self.start.intent == "redeploy":
            return
        changed = self.changed()
        yield from self.rehearsed(changed)
        base = self.base()
        contains = set(self.description.contains) if self.description is not None else set()
        if base is not None and base not in contains | {self.release}:
            yield f"it does not contain {base}"

    def changed(self) -> int:
        """When production was last touched, before the first attempt."""
        events = self.events[: self.first_attempt()]
        while True:
            i = last(
                events,
                there(PRODUCTION),
                "DeployStarted",
                "EnvironmentUnsure",
                "EnvironmentConfirmed",
                "EnvironmentBaselined",
            )
            if i == NEVER or self.events[i].type != "DeployStarted":
                return i
            if self.left(i) != "unchanged":
                return i
            events = events[:i]

    def rolled_back_anyway(self, recorded: Recorded[Any]) -> bool:
        """Whether a lease was lost of what leaves nothing behind: an adjustment's rehearsal."""
        lost = recorded.type in {"LeaseExpired", "LeaseBroken"}
        return lost and any(
            e.event.lease == recorded.event.lease and e.event.kind == "adjustment"
            for e in self.events
            if e.type == "LeaseGranted"
        )

    def rehearsed(self, changed: int) -> Iterator[str]:
        started = last(self.events, there(STAGE), "DeployStarted")
        done = last(self.events, there(STAGE), "DeploySucceeded")
        if done < started or done == NEVER or not of(self.release, self.content)(self.events[done]) or done < self.set:
            yield "it is not in stage"
            return
        if last(self.events, there(STAGE), "EnvironmentConfirmed") > done:
            yield "stage was stated, not deployed to"
        review = last(
            self.events,
            of(self.release, self.content),
            "CodeReviewApproved",
            "CodeReviewRejected",
            "CodeReviewWithdrawn",
        )
        if review < max(done, changed) or self.events[review].type != "CodeReviewApproved":
            yield "nobody reviewed it"
        elif self.events[review].actor.id in self.authors():
            yield "an author reviewed it"
        restored = last(
            self.events,
            lambda e: (
                (there(STAGE)(e) and not self.rolled_back_anyway(e))
                or (e.type == "StageMigrationFailed" and of(self.release)(e))
            ),
            "DataRestored",
            "DataRestoreFailed",
            "DataMarkedCorrupt",
            "StageMigrationFailed",
            "LeaseExpired",
            "LeaseBroken",
        )
        if restored < max(done, changed) or self.events[restored].type != "DataRestored":
            yield "production's data was not restored"
            return
        data = self.events[restored].event
        if data.source != PRODUCTION or self.at - data.taken_at > SNAPSHOT_AGE:
            yield "the data are old or another environment's"
        migrated = restored
        if self.description is not None and self.description.migrations:
            migrated = last(self.events, of(self.release, self.content), "StageMigrated")
            if migrated < restored:
                yield "its migrations did not run on that data"
        yield from self.judged(STAGE, "core-and-affected", max(migrated, restored, changed))

    def base(self) -> str | None:
        """What production is known to have run last."""
        i = last(
            self.events,
            lambda e: there(PRODUCTION)(e) and getattr(e.event, "release", None) is not None,
            "DeploySucceeded",
            "EnvironmentConfirmed",
            "EnvironmentBaselined",
        )
        return None if i == NEVER else self.events[i].event.release

    def window(self) -> Iterator[str]:
        if self.at.weekday() >= 5 and 9 <= self.at.hour < 12:
            return
        problem, open_ones = self.start.problem, open_problems(self.events)
        if self.first_attempt() < len(self.events) and self.start.intent != "rollback":
            return
        if problem is None or problem not in open_ones:
            yield "neither the window nor an open problem"
            return
        kind = next(e.event.kind for e in self.events if e.type == "ReleaseOpened" and of(self.release)(e))
        tried = last(self.events, both(of(self.release, self.content), there(PRODUCTION)), "DeployStarted")
        if self.start.intent == "redeploy" or (open_ones[problem].failed_deploy is not None and tried != NEVER):
            return
        confirmed = last(self.events, of(self.release, self.content), "HotfixConfirmed")
        if kind != "hotfix" or confirmed < self.described or self.events[confirmed].event.problem != problem:
            yield "it is no confirmed hotfix"
        elif self.events[confirmed].actor.id in self.authors():
            yield "an author confirmed the hotfix"

    def rollback(self) -> Iterator[str]:
        problem = open_problems(self.events).get(self.start.problem)
        if problem is None or problem.environment != PRODUCTION:
            yield "there is no open problem in production"
        if self.content in rolled_back(self.events, but=self.content):
            yield "it was rolled back from"
        ran = [
            e
            for e in self.events
            if e.type in {"DeploySucceeded", "EnvironmentBaselined", "EnvironmentConfirmed"}
            and there(PRODUCTION)(e)
            and getattr(e.event, "content_digest", None) == self.content
        ]
        if not ran:
            yield "it never ran there"


def open_problems(events: Events) -> dict[str, Any]:
    """The problems that are open, with their reports."""
    found: dict[str, Any] = {}
    for e in events:
        if e.type in {"ProblemReported", "ProblemReopened"}:
            found[e.event.problem] = e.event
        if e.type in {"ProblemResolved", "ProblemDismissed"}:
            found.pop(e.event.problem, None)
    return found


def rolled_back(events: Events, but: str | None = None) -> set[str]:
    """The contents that were the occupant when a rollback started which did not report `unchanged`."""
    found: set[str] = set()
    occupant: str | None = None
    for i, e in enumerate(events):
        if not there(PRODUCTION)(e):
            continue
        if e.type in {"DeploySucceeded", "EnvironmentBaselined", "EnvironmentConfirmed"}:
            occupant = getattr(e.event, "content_digest", None) or occupant
        back = e.type == "DeployStarted" and e.event.intent == "rollback"
        if back and occupant not in {None, e.event.content_digest}:
            ends = [x.event for x in events[i:] if x.type == "DeployFailed" and x.event.deploy == e.event.deploy]
            if not ends or ends[0].environment_left != "unchanged":
                found.add(str(occupant))
    return found - {but} if but not in found else found


def leases_overlap(events: Events) -> Iterator[str]:
    """Where two activities held one environment, or a fencing token did not grow."""
    held: dict[str, str] = {}
    tokens: dict[str, int] = {}
    for e in events:
        environment = getattr(e.event, "environment", "")
        if e.type == "LeaseGranted":
            if environment in held:
                yield f"@{e.position}: {e.event.lease} beside {held[environment]}"
            if e.event.fencing_token <= tokens.get(environment, 0):
                yield f"@{e.position}: token {e.event.fencing_token} again"
            held[environment], tokens[environment] = e.event.lease, e.event.fencing_token
        ended = e.type in {"LeaseReleased", "LeaseExpired", "LeaseBroken"}
        if ended and held.pop(environment, None) != e.event.lease:
            yield f"@{e.position}: {e.event.lease} was not held"
        if e.type in {"ManualQAApproved", "DevelopmentConfirmed"} and held.get(environment or DEVELOPMENT):
            yield f"@{e.position}: approved while {held[environment or DEVELOPMENT]} runs"
