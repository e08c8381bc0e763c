"""The parts of the search: where each begins, what it looks at step by step, and what may disturb.

Every part is searched exhaustively within its bounds. A bound is how many disturbances there may be; what helps is
never bounded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from interlock.domain.commands.problem import ReportProblem
from tests.proof.ghost import DEVELOPMENT, PRODUCTION, SANDBOX, STAGE, TESTS
from tests.proof.lazy import LazyGate
from tests.proof.moves import Moves, Scope
from tests.proof.people import ANTON, BASE, HOTFIX, NORMAL, VERA, Impossible, content, do, opened
from tests.proof.world import State

ANYTHING = frozenset({
    "a bad verdict", "a late report", "a lease is broken", "a lease runs out", "another description", "ask and wait",
    "corrupt", "drift", "freeze", "hold", "it fails", "it is there again", "new content", "problem", "redeploy",
    "restore again", "the window closes on it",
})  # fmt: skip
QUICK = Scope("told", 0, frozenset(), frozenset())


def told(state: State, *labels: str) -> State:
    """The state after these moves, each without steps between."""
    for wanted in labels:
        found = [then for label, _, then in Moves(state, QUICK, LazyGate()).all() if label == wanted]
        after = found[0]() if found else None
        if after is None:
            raise Impossible(wanted)
        state = after
    return state


def _to_sandbox(name: str) -> tuple[str, ...]:
    return tuple(f"{name} through {place}" for place in (DEVELOPMENT, TESTS, SANDBOX))


def _troubled(state: State) -> State:
    return do(state, VERA, ReportProblem(environment=PRODUCTION, title="it is slow"))


@cache
def two_begun() -> State:
    """A problem in production, and its hotfix beside the normal release: both have their content."""
    return told(_troubled(opened()), "open hotfix for P-1", f"content of {HOTFIX}")


@cache
def empty() -> State:
    """A hotfix without content."""
    return told(_troubled(opened()), "open hotfix for P-1")


@cache
def hotfix_approved() -> State:
    """The hotfix is approved in the sandbox."""
    return told(two_begun(), *_to_sandbox(HOTFIX))


@cache
def hotfix_rehearsed() -> State:
    """The hotfix is rehearsed in stage, before the normal release went anywhere."""
    return told(hotfix_approved(), f"{HOTFIX} through {STAGE}")


@cache
def approved() -> State:
    """The normal release is approved in the sandbox."""
    return told(opened(), *_to_sandbox(NORMAL))


@cache
def rehearsed() -> State:
    """The normal release is rehearsed in stage, and the window is open."""
    return told(approved(), f"{NORMAL} through {STAGE}", "the window opens", "check the logs")


@cache
def released() -> State:
    """The normal release runs in production."""
    return told(rehearsed(), f"ask {NORMAL} to {PRODUCTION}", f"start the promote of {NORMAL}", f"done in {PRODUCTION}")


@cache
def hotfixed() -> State:
    """A hotfix for a problem of the normal release runs in production."""
    way = (*_to_sandbox(HOTFIX), f"{HOTFIX} through {STAGE}", "vera confirms the hotfix for P-1")
    state = told(_troubled(released()), "open hotfix for P-1", f"content of {HOTFIX}", *way)
    return told(state, f"ask {HOTFIX} to {PRODUCTION}", f"start the promote of {HOTFIX}", f"done in {PRODUCTION}")


@cache
def gone_back() -> State:
    """Production went back from the normal release to its base."""
    back = ("roll back for P-1", f"start the rollback of {BASE}", f"done in {PRODUCTION}")
    return told(_troubled(released()), *back)


@cache
def incompatible() -> State:
    """The normal release runs in production, with a migration that the old version cannot bear."""
    state = told(
        do(opened(), ANTON, content(NORMAL, "b", (BASE,), ())), *_to_sandbox(NORMAL), f"{NORMAL} through {STAGE}"
    )
    state = told(state, "the window opens", "check the logs", f"ask {NORMAL} to {PRODUCTION}")
    return told(state, f"start the promote of {NORMAL}", f"done in {PRODUCTION}")


@cache
def overtaking() -> State:
    """The normal release is rehearsed; the hotfix of a problem in production is approved in the sandbox behind it."""
    state = told(rehearsed(), "the window closes")
    return told(_troubled(state), "open hotfix for P-1", f"content of {HOTFIX}", *_to_sandbox(HOTFIX))


@dataclass(frozen=True)
class Part:
    """One search of the release flow, and what it is about."""

    scope: Scope
    beginning: Callable[[], State]
    about: str


WAY = frozenset({DEVELOPMENT, TESTS, SANDBOX})
NO_STEPS: frozenset[str] = frozenset()
STAGED = frozenset({STAGE})
PARTS: tuple[Part, ...] = (
    Part(Scope("bad days", 2, NO_STEPS, frozenset({"it fails", "problem", "freeze"}), (NORMAL,)), rehearsed,
         "a rehearsed release and two misfortunes, each step in production"),
    Part(Scope("production", 1, NO_STEPS, ANYTHING, (NORMAL,)), rehearsed,
         "a rehearsed release, each step in production"),
    Part(Scope("overtaking", 0, NO_STEPS, NO_STEPS), overtaking,
         "a rehearsed release and a hotfix behind it, each step in production"),
    Part(Scope("rollback", 1, NO_STEPS, frozenset({"problem"})), hotfixed,
         "a hotfix of a release in production, each step in production"),
    Part(Scope("stage", 1, STAGED, frozenset({"a bad verdict", "ask and wait", "corrupt", "it comes to nothing"}),
               (NORMAL,)), approved,
         "an approved release, each step in stage and production"),
    Part(Scope("way of two", 0, WAY, NO_STEPS, (NORMAL, HOTFIX), STAGE), two_begun,
         "a release and a hotfix side by side, each step before stage"),
)  # fmt: skip
# What takes longer than a test may: `make prove` searches these as well, one kind of disturbance after the other. No
# way with one disturbance at most has two kinds, so together they are the whole; each ends, or stops at so many states.
LONG_STATES_MAX = 60_000
LONG: tuple[Part, ...] = (
    *(Part(Scope(f"all of stage, {kind}", 1, STAGED, frozenset({kind}), (NORMAL,)), approved,
           "an approved release, each step in stage and production") for kind in sorted(ANYTHING)),
    *(Part(Scope(f"way of one, {kind}", 1, WAY, frozenset({kind, "tries"}), (NORMAL,), STAGE), opened,
           "a release, each step before stage") for kind in sorted(ANYTHING)),
)  # fmt: skip
