"""When two states are one: everything that a rule or the oracle can still tell apart, and nothing else.

Positions, tokens, ids and times are replaced by what they are compared for (see docs/PROOF.md). A part of the state
that did not change since the state before keeps its number.
"""

from __future__ import annotations

from datetime import datetime, timedelta
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
EARLY = frozenset({DEVELOPMENT, TESTS, SANDBOX})
Key = tuple[int, ...]


class Canon:
    """Numbers for the parts of states, and keys for states."""

    def __init__(self) -> None:
        """Nothing is numbered yet."""
        self.numbers: dict[Any, int] = {}

    def number(self, part: Any) -> int:
        """The part's number: equal parts have the same."""
        found = self.numbers.get(part)
        if found is None:
            found = self.numbers[part] = len(self.numbers)
        return found

    def key(self, state: State, before: State | None) -> Key:
        """The state's key. `before` is the state that it came from: what did not change there is not looked at."""
        known = before.parts if before is not None and before.parts is not None else {}
        parts: dict[str, Any] = {}
        situation, ghost, now = state.situation, state.ghost, state.now
        key = [state.left, is_open(now)]
        spent = state.left == 0
        moved = before is None or before.now != now or (before.left == 0) != spent

        def part(name: str, thing: Any, make: Any, *more: Any, timed: bool = False) -> None:
            old = known.get(name)
            if old is not None and old[0] is thing and not (timed and moved):
                parts[name] = old
            else:
                parts[name] = (thing, self.number((name, make(thing, *more))))
            key.append(parts[name][1])

        for name, environment in situation.environments.items():
            part(f"e {name}", environment, _environment, now, spent, timed=True)
        for name, place in ghost.places.items():
            part(f"p {name}", place, _place, now, spent, timed=True)
        for name in ghost.releases:
            release = situation.releases.get(name)
            thing = release if release is not None else state.streams[f"release/{name}"]
            part(f"r {name}", thing, _release_or_closed, name)
        for name, rel in ghost.releases.items():
            part(f"g {name}", rel, _rel)
        part("requests", situation.requests, _requests, now, timed=True)
        part("problems", situation.problems, _problems)
        part("troubles", ghost.problems, _troubles)
        if not spent:
            key.append(self.number(_closed(state)))
        else:
            key.append(self.number(_fixed(state)))
        part("back", situation.rolled_back, frozenset)
        key.append(self.number(_relations(situation, ghost, now)))
        state.parts = parts
        return tuple(key)


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
    return None if o is None else (o.release, o.content, o.deploy is not None, o.fixes, o.deployable)


def _work(w: Work | None) -> Any:
    return None if w is None else (w.kind, w.release, w.content, w.intent, w.source, w.fixes)


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
            _unsure(deploy.unsure_before, e), deploy.problem, deploy.was_frozen, deploy.left,
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


def _problems(problems: dict[str, Problem]) -> Any:
    return frozenset((p.problem, p.environment, p.release, p.failed_deploy is None) for p in problems.values())


def _closed(state: State) -> Any:
    """The problems that are over, and may be there again."""
    found = []
    for stream, events in state.streams.items():
        kind, _, name = stream.partition("/")
        if kind == "problem" and name not in state.situation.problems:
            reported = events[0].event
            found.append((name, reported.environment, reported.release, reported.failed_deploy is None))
    return frozenset(found)


def _fixed(state: State) -> Any:
    """Those of them that a rollback opens again."""
    fixes = {fix for o in state.situation.environments[PRODUCTION].history for fix in o.fixes}
    return frozenset(one for one in _closed(state) if one[0] in fixes)


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


def _troubles(problems: dict[str, Any]) -> Any:
    return frozenset(problems.items())


# -- what is compared across the parts ----------------------------------------------------------------------


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
