"""What only who has no business with it would do: it is tried where a guard is taken away that nothing else shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from interlock.domain.commands import environment as c_env
from interlock.domain.commands import evidence as c_evidence
from interlock.domain.commands.governance import ConfirmAsked
from interlock.events.envelope import Actor
from tests.proof.ghost import PRODUCTION, SANDBOX, STAGE, TESTS
from tests.proof.people import BASE, DORA, NORMAL, ROSA, RUNNER, VERA, digest, observed
from tests.proof.world import State, give

ODD = "odd hands"
MINUTE = timedelta(minutes=1)


def odd_moves(state: State) -> Iterator[tuple[str, int, Callable[[], State | None]]]:
    """The moves of one state."""
    moves: list[tuple[str, Actor, Any]] = [
        ("dora freezes stage", DORA, c_env.FreezeEnvironment(environment=STAGE, reason="x")),
        ("dora takes back what vera approved", DORA,
         c_evidence.WithdrawManualQA(release=NORMAL, environment=SANDBOX, reason="x")),
        ("erase stage", RUNNER, c_env.ReportErased(environment=STAGE, cause="x", observed=observed(state, STAGE))),
    ]  # fmt: skip
    production, run = state.situation.environments[PRODUCTION], state.situation.environments[TESTS].run
    if production.logs_from is not None and state.now - production.logs_from > MINUTE:
        late = c_env.CheckLogs(environment=PRODUCTION, since=state.now - MINUTE, until=state.now, result="clean")
        moves.append(("check the last minute of the logs", VERA, late))
    if run is not None:
        abort = c_evidence.AbortTestRun(environment=TESTS, run=run.run, reason="x", hotfix=NORMAL)
        moves.append(("abort the run for a normal release", DORA, abort))
    for label, actor, command in moves:
        yield label, 0, lambda a=actor, c=command: give(state, a, c)  # type: ignore[misc]
    if production.unsure is not None:
        stated = [c_env.StateContent(environment=PRODUCTION, state=said, reason="x") for said in ("mixed", "empty")]
        yield "two persons state one thing, and then another", 0, lambda: _both(state, *stated)
    if production.last_sure is None:
        based = [
            c_env.BaselineEnvironment(
                environment=PRODUCTION, release=BASE, content_digest=digest(what), schema_digest=digest("schema")
            )
            for what in (BASE, "another base")
        ]
        yield "two persons declare a base, and then another", 0, lambda: _both(state, *based)


def _both(state: State, first: Any, second: Any) -> State | None:
    """Rosa asks for both before vera confirms one; so the second is looked at again when it was answered already."""
    asked = give(state, ROSA, first)
    asked = None if asked is None else give(asked, ROSA, second)
    if asked is None:
        return None
    one, other = asked.situation.asks
    done = give(asked, VERA, ConfirmAsked(ask=one))
    return None if done is None else give(done, VERA, ConfirmAsked(ask=other))
