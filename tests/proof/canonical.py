"""When two states are one: everything that a rule or the oracle can still tell apart, and nothing else.

Positions, tokens, ids and times are replaced by what they are compared for (see docs/PROOF.md). A part of the state
that did not change since the state before keeps its number.
"""
# Long: one mapping of the whole state, part by part; a part that is missing here is a hole in the proof.

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from struct import pack
from typing import Any

from interlock.domain.situation import (
    DeployRequest,
    Environment,
    Occupant,
    Problem,
    ProductionMark,
    Release,
    Situation,
    Unsure,
    Verdict,
    Work,
)
from tests.proof.ghost import DEVELOPMENT, PRODUCTION, SANDBOX, STAGE, TESTS, Ghost, Place, Rel
from tests.proof.world import State, closed_now, is_open, next_opening

SNAPSHOT_AGE = timedelta(days=7)
LOGS_AGE = timedelta(minutes=75)
LEASE, LEASES_LOST_MAX = timedelta(minutes=15), 3
OVER = frozenset({"withdrawn", "superseded"})
NONE: frozenset[Any] = frozenset()
EARLY = frozenset({DEVELOPMENT, TESTS, SANDBOX})
Key = bytes
# The parts of a state as they were seen last, and the number that each had.
Known = tuple[list[Any], list[int]]


class Canon:
    """Numbers for the parts of states, and keys for states."""

    def __init__(self) -> None:
        """Nothing is numbered yet."""
        self.numbers: dict[Any, int] = {}

    def number(self, part: Any) -> int:
        """The part's number: equal parts have the same."""
        return self.numbers.setdefault(part, len(self.numbers))

    def key(self, state: State, before: State | None) -> Key:
        """The state's key. `before` is the state that it came from: what did not change there is not looked at."""
        things: list[Any] = []
        numbers: list[int] = []
        known: Known = ([], []) if before is None or before.parts is None else before.parts
        situation, now, spent = state.situation, state.now, state.left == 0
        moved = before is None or before.now != now or (before.left == 0) != spent
        timed: Known = ([], []) if moved else known
        self._parts(state, known, timed, things, numbers)
        compared = _looked_at(situation, state.ghost)
        place = len(things)
        if place < len(timed[0]) and timed[0][place] == compared:
            numbers.append(timed[1][place])
        else:
            numbers.append(self.number(("relations", _relations(situation, state.ghost, now))))
        things.append(compared)
        self._releases(state, known, things, numbers)
        state.parts = (things, numbers)
        closed = self.number(("fixed", _fixed(state)) if spent else ("closed", _closed(state)))
        return pack(f"{len(numbers) + 3}I", state.left, is_open(now), closed, *numbers)

    def _parts(self, state: State, known: Known, timed: Known, things: list[Any], numbers: list[int]) -> None:
        """What every state has, always in this order."""
        situation, now, spent, number = state.situation, state.now, state.left == 0, self.number
        old, told = timed
        count = len(old)
        for place, environment in enumerate(situation.environments.values()):
            same = place < count and old[place] is environment
            things.append(environment)
            numbers.append(
                told[place] if same else number((environment.name, "e", _environment(environment, now, spent)))
            )
        for name, here in state.ghost.places.items():
            place = len(things)
            same = place < count and old[place] is here
            things.append(here)
            numbers.append(told[place] if same else number((name, "p", _place(here, now, spent))))
        others: tuple[tuple[Known, Any, Any], ...] = (
            (timed, _requests, situation.requests), (known, _problems, situation.problems),
            (known, _troubles, state.ghost.problems), (known, _rolled_back, situation.rolled_back),
        )  # fmt: skip
        for (before, numbered), make, thing in others:
            place = len(things)
            same = place < len(before) and before[place] is thing
            things.append(thing)
            numbers.append(numbered[place] if same else number((make, make(thing, now))))

    def _releases(self, state: State, known: Known, things: list[Any], numbers: list[int]) -> None:
        """The releases, in the order in which they were opened: what is opened later comes behind."""
        old, told = known
        releases = state.situation.releases
        for name, rel in state.ghost.releases.items():
            release = releases.get(name)
            thing: Any = release if release is not None else state.streams[f"release/{name}"]
            place = len(things)
            same = place < len(old) and old[place] is thing
            numbers.append(told[place] if same else self.number((name, "r", _release_or_closed(thing, name))))
            same = place + 1 < len(old) and old[place + 1] is rel
            numbers.append(told[place + 1] if same else self.number((name, "g", _rel(rel))))
            things.append(thing)
            things.append(rel)


# -- the situation ------------------------------------------------------------------------------------------


def _release_or_closed(thing: Release | tuple[Any, ...], name: str) -> Any:
    if isinstance(thing, Release):
        return _release(thing)
    admitted = closed_now(f"release/{name}", thing).thing
    return ("closed", _release(admitted)) if isinstance(admitted, Release) else None


def _release(r: Release) -> Any:
    content = r.content
    made = None
    if content is not None:
        made = (content.digest, content.contains, content.fixes, content.authors, content.new_tests)
    if r.state in OVER:
        # It never starts again: what was found out about it is looked at no more.
        return (r.state, r.problem, made, r.setters)
    return (
        r.state, r.problem, made, r.frozen, r.tried, _verdict(r.developed), _verdict(r.hotfix_confirmed),
        frozenset(r.reached), _verdict(r.tests), _verdict(r.manual_qa), r.held is None, r.setters,
    )  # fmt: skip


def _verdict(v: Verdict | None) -> Any:
    return None if v is None else (v.good, v.by, v.areas, v.ran, v.summary)


def _occupant(o: Occupant | None) -> Any:
    return None if o is None else (o.release, o.content, o.deploy is not None, o.fixes, o.deployable, o.untold)


def _work(w: Work | None) -> Any:
    return None if w is None else (w.kind, w.release, w.content, w.intent, w.source, w.fixes, w.untold)


def _unsure(u: Unsure | None, e: Environment) -> Any:
    if u is None:
        return None
    after_start = e.deploy is not None and u.position > e.deploy.started
    after_lease = e.lease is not None and u.position > e.lease.position
    return (_work(u.work), u.disturbed, _occupant(u.occupant_before), after_start, after_lease)


def _environment(e: Environment, now: datetime, spent: bool) -> Any:
    lease = e.lease
    held = None
    if lease is not None:
        held = (lease.kind, lease.holder, _work(lease.work), now >= lease.expires_at)
    deploy = e.deploy
    running = None
    if deploy is not None:
        running = (
            deploy.release, deploy.content, deploy.intent, deploy.fixes, _occupant(deploy.before),
            _unsure(deploy.unsure_before, e), deploy.problem, deploy.was_frozen, deploy.left, deploy.untold,
        )  # fmt: skip
    run = None if e.run is None else (e.run.trigger, e.run.release, e.run.content)
    rehearsal = None
    if e.rehearsal is not None:
        r = e.rehearsal
        age = None if r.restore is None else (r.restore.source, _age(r.restore.taken_at, now), r.restore.schema_digest)
        rehearsal = (r.release, r.content, _verdict(r.review), age, _verdict(r.migration), _verdict(r.core))
    freeze = e.freeze is not None and (e.freeze.until is None or now < e.freeze.until)
    more: Any = None
    if e.name == PRODUCTION:
        late = e.logs_from is not None and now - e.logs_from > LOGS_AGE
        more = (late, e.mixed, e.never_used, e.based, e.mark.schema_digest)
    return (
        _occupant(e.occupant), _unsure(e.unsure, e), held, running, run, e.data.corrupt is None, rehearsal, freeze,
        _history(e), None if spent else _lost(e), more,
    )  # fmt: skip


@cache
def _age(taken_at: datetime, now: datetime) -> Any:
    """Until when a snapshot is fresh enough: how often the window opens and closes until then."""
    ends, moment, times = taken_at + SNAPSHOT_AGE, now, 0
    near = False
    while moment <= ends:
        near = moment + LEASES_LOST_MAX * LEASE > ends
        moment = moment.replace(hour=12, minute=0) if is_open(moment) else next_opening(moment)
        times += 1
    return times, near


def _history(e: Environment) -> Any:
    if e.name in EARLY:
        return _occupant(e.history[-1]) if e.history else None
    last: dict[str, Any] = {}
    for occupant in e.history:
        last.pop(occupant.content, None)
        last[occupant.content] = _occupant(occupant)
    return tuple(last.values())


def _lost(e: Environment) -> Any:
    """What may still report late: which kind of work, and whether it did already."""
    if not e.lost:
        return None
    name = e.lost[-1]
    return (name[0], any(line.split("|")[1] == name for line in e.late_reports))


def _requests(requests: dict[str, DeployRequest], now: datetime) -> Any:
    # Which was asked for first makes no difference: no rule looks at their order.
    return frozenset(
        (
            r.release, r.environment, r.content, r.intent, r.at_window, r.ready, r.requested_by, now >= r.expires_at,
            r.ready_from is not None and now >= r.ready_from, r.problem, r.second_person,
        )
        for r in requests.values()
    )  # fmt: skip


def _problems(problems: dict[str, Problem], _: datetime) -> Any:
    return frozenset((p.problem, p.environment, p.release, p.failed_deploy is None) for p in problems.values())


def _closed(state: State) -> Any:
    """The problems that are over, and may be there again."""
    found = []
    problems = state.situation.problems
    for stream, events in state.streams.items():
        if stream[:8] == "problem/" and (name := stream[8:]) not in problems:
            reported = events[0].event
            found.append((name, reported.environment, reported.release, reported.failed_deploy is None))
    return frozenset(found)


def _fixed(state: State) -> Any:
    """Those of them that a rollback opens again."""
    history = state.situation.environments[PRODUCTION].history
    if any(o.untold for o in history):
        return _closed(state)
    fixes = {fix for o in history for fix in o.fixes}
    return frozenset(one for one in _closed(state) if one[0] in fixes) if fixes else NONE


# -- the oracle ---------------------------------------------------------------------------------------------


def _place(p: Place, now: datetime, spent: bool) -> Any:
    lease = None if p.lease is None else (p.lease.kind, p.lease.holder, now >= p.lease.until)
    running = None
    if p.running is not None:
        running = (p.running.thing, p.running.intent, p.running.before, p.running.left, p.running.was_fixed,
                   p.unsure > p.running.position)  # fmt: skip
    attempt = None if p.attempt is None else (p.attempt.thing, p.attempt.intent)
    frozen = p.frozen is not None and (p.frozen[0] is None or now < p.frozen[0])
    return (
        p.at, p.brought, bool(p.unsure), lease, running, attempt, p.lost, p.shaken, frozen, p.judged,
        p.last, p.gone[-1][1] if p.gone and not spent else None,
    )  # fmt: skip


def _rel(rel: Rel) -> Any:
    if rel.state in OVER:
        return (rel.kind, rel.state, rel.authors, rel.problem, rel.content, rel.contains, rel.fixes, rel.incompatible)
    return rel


def _troubles(problems: dict[str, Any], _: datetime) -> Any:
    return frozenset(problems.items())


def _rolled_back(digests: frozenset[str], _: datetime) -> Any:
    return digests


# -- what is compared across the parts ----------------------------------------------------------------------


def _looked_at(situation: Situation, ghost: Ghost) -> tuple[Any, ...]:
    """Everything that `_relations` looks at, but for the time."""
    production, here = situation.environments[PRODUCTION], ghost.places[PRODUCTION]
    return (
        production.mark, production.deploy, production.unsure, situation.environments[STAGE].rehearsal,
        ghost.rehearsal, ghost.changed, here.running, here.attempt, ghost.running, ghost.ran, ghost.rolled_back,
        ghost.logs,
    )  # fmt: skip


def _relations(situation: Situation, ghost: Ghost, now: datetime) -> Any:
    production, stage = situation.environments[PRODUCTION], situation.environments[STAGE]
    marks = [production.mark]
    if production.deploy is not None:
        marks.append(production.deploy.mark_before)
    if production.unsure is not None and production.unsure.mark_before is not None:
        marks.append(production.unsure.mark_before)
    rehearsal = stage.rehearsal
    compared = None
    if rehearsal is not None:
        made = (rehearsal.review, rehearsal.restore, rehearsal.migration, rehearsal.core)
        compared = tuple(_compared(mark, made) for mark in marks)
    known = ghost.rehearsal
    changes = [ghost.changed]
    here = ghost.places[PRODUCTION]
    if here.running is not None:
        changes.append(here.running.changed)
    if here.attempt is not None:
        changes.append(here.attempt.changed)
    told = None
    if known is not None:
        facts = (known.review, known.restore, known.migrated, known.core)
        by = (known.review and known.review[0], known.migrated and known.migrated[0], known.core and known.core[0])
        orders = tuple(tuple(None if f is None else f[1] >= changed for f in facts) for changed, _ in changes)
        since = tuple(known.restore is None or at is None or known.restore[0] >= at for _, at in changes)
        age = None if known.restore is None else _age(known.restore[0], now)
        told = (known.thing, by, orders, since, age)
    logs = ghost.logs is not None and now - ghost.logs > LOGS_AGE
    return (compared, tuple(m.schema_digest for m in marks), told, ghost.running, ghost.ran, ghost.rolled_back, logs)


def _compared(mark: ProductionMark, made: tuple[Any, ...]) -> Any:
    changed = max(mark.started, mark.settled)
    older = tuple(one is None or one.position < changed for one in made)
    restore = made[1]
    taken = None
    if restore is not None and mark.at is not None:
        taken = restore.taken_at < mark.at
    return (older, taken)


__all__ = ["Canon", "Key"]
