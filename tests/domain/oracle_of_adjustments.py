"""What must have happened before an adjustment may have been committed, read from the events alone.

As with deploys it knows the rules a second time, in other words: where the two disagree, one of them is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from tests.domain.oracle import NEVER, SNAPSHOT_AGE, Events, Wanted, both, last, there
from tests.domain.story import PRODUCTION

WANTED = {"normal": 2, "high": 3}
AUTHORIZED_FOR = timedelta(hours=24)
OVER = ("DataAdjustExecuted", "DataAdjustCancelled", "DataAdjustReverted")


def of(adjustment: str) -> Wanted:
    """Events of this adjustment's stream."""
    return lambda e: e.stream == f"adjustment/{adjustment}"


class BeforeCommit:
    """The project just before the event at `index`, from which on an adjustment may have been committed."""

    def __init__(self, events: Events, index: int) -> None:
        """Look at what the event names."""
        self.events = events[:index]
        self.at: datetime = events[index].recorded_at
        self.by: str = events[index].actor.id
        self.start = events[index].event
        self.name: str = self.start.adjustment
        self.own = of(self.name)
        self.planned = last(self.events, self.own, "DataAdjustRequested", "DataAdjustAmended")
        self.plan = self.events[self.planned].event.plan

    def missing(self) -> Iterator[str]:
        """What is lacking; nothing where it was right."""
        yield from self.open()
        yield from self.rehearsed()
        yield from self.verified()
        yield from self.authorized()
        yield from self.held()
        if self.start.bound_digest != self.events[self.planned].event.bound_digest:
            yield "this is not the present plan"
        expected = self.plan.expected_effect
        if not expected.rows_min <= self.start.rows <= expected.rows_max:
            yield "it touched more or fewer rows than the plan expects"
        registered = last(self.events, there(PRODUCTION), "EnvironmentRegistered")
        if {self.start.identity, self.events[registered].event.identity} != {self.plan.targets.identity}:
            yield "this is another database"

    def open(self) -> Iterator[str]:
        if last(self.events, self.own, *OVER) != NEVER:
            yield "it was executed, cancelled or taken back before"
        requested = self.events[last(self.events, self.own, "DataAdjustRequested")].event
        if self.at >= requested.expires_at or self.expired("request") != NEVER:
            yield "its week is over"
        ended = last(self.events, self.own, "DataAdjustFailed", "DataAdjustExecuted")
        started = last(self.events, self.own, "DataAdjustStarted")
        if started > ended or (ended != NEVER and getattr(self.events[ended].event, "transaction", "") == "unknown"):
            yield "an earlier attempt of it may have been committed"
        if requested.reverts is not None:
            told = last(self.events, of(requested.reverts), "DataAdjustExecuted", "DataAdjustReverted")
            if told == NEVER or self.events[told].type != "DataAdjustExecuted":
                yield "what it takes back was not executed, or is taken back already"

    def expired(self, what: str) -> int:
        return last(self.events, both(self.own, lambda e: e.event.what == what), "DataAdjustExpired")

    def rehearsed(self) -> Iterator[str]:
        i = last(self.events, self.own, "DataAdjustRehearsed", "DataAdjustRehearsalFailed")
        if i < self.planned or self.events[i].type != "DataAdjustRehearsed":
            yield "its last rehearsal was not of this plan, or failed"
            return
        rehearsal = self.events[i].event
        if rehearsal.environment == PRODUCTION:
            yield "it was rehearsed in production"
        restored = last(self.events[:i], there(rehearsal.environment), "DataRestored")
        data = self.events[restored].event
        if (data.restore, data.source) != (rehearsal.restore, PRODUCTION):
            yield "it was rehearsed on other data than production's"
        later = [e.type for e in self.events[restored + 1 :] if there(rehearsal.environment)(e)]
        until = later.index("DataRestored") if "DataRestored" in later else len(later)
        if "DataMarkedCorrupt" in later[:until]:
            yield "the data that it was rehearsed on is corrupt"
        if self.at - data.taken_at > SNAPSHOT_AGE:
            yield "the data that it was rehearsed on is old"
        if rehearsal.schema_digest != schema(self.events):
            yield "production had another schema at its rehearsal"

    def requesters(self) -> set[str]:
        asked = ("DataAdjustRequested", "DataAdjustAmended")
        return {e.actor.id for e in self.events if self.own(e) and e.type in asked}

    def verified(self) -> Iterator[str]:
        words: dict[str, str] = {}
        for i, e in enumerate(self.events):
            if not self.own(e) or i < self.planned:
                if e.type == "OperatorDesignated" and words.get(e.event.principal) == "yes":
                    del words[e.event.principal]
                continue
            if e.type == "DataAdjustVerified":
                words[e.actor.id] = "yes"
            elif e.type == "DataAdjustRejected":
                words[e.actor.id] = "no"
            elif e.type == "DataAdjustExpired":
                words = {person: word for person, word in words.items() if word == "no"}
        if "no" in words.values():
            yield "somebody rejected it"
        independent = {
            p
            for p, word in words.items()
            if word == "yes" and p in verifiers(self.events) - self.requesters() - {operator(self.events, self.at)}
        }
        if len(independent) < WANTED[self.plan.risk]:
            yield f"only {sorted(independent)} verified it"

    def authorized(self) -> Iterator[str]:
        now = operator(self.events, self.at)
        if self.by != now:
            yield f"{now} is the operator"
        i = last(self.events, self.own, "DataAdjustAuthorized", "DataAdjustRejected", "DataAdjustExpired")
        if i < self.planned or self.events[i].type != "DataAdjustAuthorized":
            yield "it is not authorized"
            return
        given = self.events[i]
        if last(self.events, lambda _: True, "OperatorDesignated") > i or given.event.operator != now:
            yield "it was authorized for another operator"
        if self.at >= min(given.event.valid_until, given.recorded_at + AUTHORIZED_FOR):
            yield "its authorization is over"

    def held(self) -> Iterator[str]:
        mine = both(there(PRODUCTION), lambda e: e.event.lease == self.start.lease)
        i = last(self.events, mine, "LeaseGranted", "LeaseReleased", "LeaseExpired", "LeaseBroken")
        if i == NEVER or self.events[i].type != "LeaseGranted":
            yield "its lease is over"
            return
        lease: Any = self.events[i].event
        renewed = last(self.events, mine, "LeaseRenewed")
        until = self.events[max(i, renewed)].event.expires_at
        if self.at >= until or (lease.holder, lease.kind) != (self.by, "adjustment"):
            yield "its lease is over, or another's"
        if (lease.subject, lease.fencing_token) != (f"adjustment {self.name}", self.start.fencing_token):
            yield "its lease is another one's"
        kept = last(self.events, both(self.own, lambda e: e.event.lease == lease.lease), "DataAdjustBackupTaken")
        if kept < i:
            yield "its rows were not kept"


def schema(events: Events) -> str | None:
    """The schema that production has by the record."""
    found = None
    for i, e in enumerate(events):
        if not there(PRODUCTION)(e):
            continue
        if e.type == "DeploySucceeded":
            begun = last(events[:i], there(PRODUCTION), "DeployStarted")
            if last(events[:i], there(PRODUCTION), "EnvironmentUnsure") > begun:
                continue
        if e.type in {"EnvironmentBaselined", "EnvironmentConfirmed", "DeploySucceeded"}:
            found = e.event.schema_digest or found
    return found


def verifiers(events: Events) -> set[str]:
    """Who holds the role verifier."""
    found: set[str] = set()
    for e in events:
        if e.type == "RoleGranted" and e.event.role == "verifier":
            found.add(e.event.principal)
        elif e.type == "PrincipalDeactivated" or (e.type == "RoleRevoked" and e.event.role == "verifier"):
            found.discard(e.event.principal)
    return found


def operator(events: Events, now: datetime) -> str | None:
    """Who may execute adjustments at that moment: the last designated one, or a deputy whose time is not over."""
    i = last(events, lambda e: e.event.until is None, "OperatorDesignated")
    deputy = last(events, lambda e: e.event.until is not None, "OperatorDesignated")
    if deputy > i and now < events[deputy].event.until:
        return str(events[deputy].event.principal)
    return str(events[i].event.principal) if i != NEVER else None


def executions(events: Events) -> Iterator[str]:
    """What is wrong about what was executed, by whom its result was found right, and what was taken back."""
    for i, e in enumerate(events):
        if e.type == "DataAdjustExecuted":
            yield from _execution(events, i)
        if e.type == "DataAdjustResultVerified":
            own = [x for x in events[:i] if of(e.event.adjustment)(x)]
            asked = {x.actor.id for x in own if x.type in {"DataAdjustRequested", "DataAdjustAmended"}}
            did = {x.event.executed_by for x in own if x.type == "DataAdjustExecuted"}
            if not did or e.actor.id in asked | did:
                yield f"@{e.position}: {e.actor.id} found his own result right, or there was none"
        if e.type == "DataAdjustReverted":
            before = [x.type for x in events[:i] if of(e.event.adjustment)(x)]
            if "DataAdjustExecuted" not in before or "DataAdjustReverted" in before:
                yield f"@{e.position}: what was not executed, or taken back before, was taken back"


def _execution(events: Events, index: int) -> Iterator[str]:
    e = events[index]
    own = [x for x in events[:index] if of(e.event.adjustment)(x)]
    if any(x.type == "DataAdjustExecuted" for x in own):
        yield f"@{e.position}: {e.event.adjustment} was executed twice"
    attempts = [x for x in own if x.type in {"DataAdjustStarted", "DataAdjustFailed"}]
    started = [x for x in attempts if x.type == "DataAdjustStarted"]
    if not started:
        yield f"@{e.position}: {e.event.adjustment} was executed without a decision to commit it"
        return
    decided = started[-1].event
    if (e.event.rows, e.event.before, e.event.after) != (decided.rows, decided.before, decided.after):
        yield f"@{e.position}: another result than was decided"
    lost = getattr(attempts[-1].event, "transaction", None)
    if lost != ("unknown" if e.event.by_marker else None):
        yield f"@{e.position}: executed after {lost}, by marker: {e.event.by_marker}"
    if e.event.executed_by != started[-1].actor.id:
        yield f"@{e.position}: executed by another one than began it"
