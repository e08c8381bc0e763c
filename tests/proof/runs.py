"""Running the searches: two at a time, each in a process of its own, and what came of them."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from tests.proof import adjusting
from tests.proof.adjusting import DATA
from tests.proof.ghost import PRODUCTION, Wrong
from tests.proof.guards import Removed, guards, of_adjustments, removed, without
from tests.proof.parts import LONG, LONG_STATES_MAX, PARTS
from tests.proof.scenes import SCENES
from tests.proof.search import Found, Search
from tests.proof.world import State

PROCESSES = 2


@dataclass(frozen=True)
class Searched:
    """What one part came to; `found` is what must not be, with the way to it; `calm`, whether some state is calm."""

    name: str
    states: int = 0
    transitions: int = 0
    attempts: int = 0
    depth: int = 0
    calm: bool = False
    scenes: tuple[tuple[str, int], ...] = ()
    stuck: tuple[str, ...] = ()
    found: tuple[str, ...] = ()
    whole: bool = True


def calm(state: State) -> bool:
    """No release is open; production is sure, free, neither frozen nor troubled."""
    production = state.situation.environments[PRODUCTION]
    if production.unsure is not None or production.lease is not None or production.freeze is not None:
        return False
    if any(problem.environment == PRODUCTION for problem in state.situation.problems.values()):
        return False
    return not any(release.open for release in state.situation.releases.values())


def agree(state: State) -> None:
    """The rules and the oracle know the same of every environment. Raises Wrong."""
    for name, place in state.ghost.places.items():
        known = state.situation.environments[name]
        there = known.occupant
        at = None if there is None else (there.release, there.content)
        if (at, there is not None and there.deploy is not None) != (place.at, place.brought):
            raise Wrong(f"the rules say that {at} is in {name}, the events that {place.at} is")
        if (known.unsure is not None) != bool(place.unsure):
            raise Wrong(f"the rules and the events differ on whether {name} is sure")
        if there is not None and known.unsure is not None:
            raise Wrong(f"{name} has an occupant and is unsure")
        if (known.lease is not None) != (place.lease is not None):
            raise Wrong(f"the rules and the events differ on whether {name} is held")
        if known.deploy is not None and known.lease is None:
            raise Wrong(f"a deploy runs in {name} without a lease")


def search_of(name: str) -> Search:
    """The search of that name."""
    for part, limit in (*((part, 0) for part in PARTS), *((part, LONG_STATES_MAX) for part in LONG)):
        if part.scope.name == name:
            return Search(part.scope, (part.beginning(),), is_goal=calm, check=agree, scenes=SCENES, limit=limit)
    data = next(part for part in DATA if part.name == name)
    return Search(
        data, (adjusting.begun(),), is_goal=adjusting.settled, moves=adjusting.moves_of, canon=adjusting.Canon()
    )


def searched(name: str) -> Searched:
    """Search one part."""
    try:
        space = search_of(name).run()
    except Found as found:
        return Searched(name, found=(found.what, *found.way))
    stuck = min(space.stuck, key=len, default=[])
    return Searched(
        name, space.states, space.transitions, space.attempts, space.depth, space.goals > 0,
        tuple(sorted(space.scenes.items())), (f"{len(space.stuck)} states", *stuck) if space.stuck else (),
        whole=space.whole,
    )  # fmt: skip


def searched_without(guard: str) -> Searched:
    """Search every part that `make test` searches without this guard, until something is found.

    What only adjustments have is asked about nowhere else: for it the parts of the release flow are as they were.
    """
    with without(guard):
        flow = () if guard in of_adjustments() else tuple(part.scope.name for part in PARTS)
        for name in (*flow, *(data.name for data in DATA)):
            search = search_of(name)
            search.is_goal = None
            try:
                search.run()
            except Found as found:
                return Searched(guard, found=(f"in {name}: {found.what}", *found.way))
    return Searched(guard)


JOBS: dict[str, Any] = {"part": searched, "guard": removed, "implied": searched_without}


def in_processes(kind: str, names: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Do the job for each name, PROCESSES at a time, each in its own process; in the order of the names."""

    def one(name: str) -> dict[str, Any]:
        command = [sys.executable, "-m", "tests.proof", "--job", kind, name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{kind} {name}: {done.stderr[-2000:]}")
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    with ThreadPoolExecutor(PROCESSES) as pool:
        yield from pool.map(one, names)


def part_names() -> tuple[str, ...]:
    """Every part that `make test` searches, the largest first so that no process waits long for the other."""
    return (*(part.scope.name for part in PARTS), *(part.name for part in DATA))


def long_parts() -> Iterator[Searched]:
    """The parts for which a test has no time, each as it is done."""
    return searched_parts([part.scope.name for part in LONG])


def searched_parts(names: Iterable[str]) -> Iterator[Searched]:
    """Each of these parts, searched."""
    yield from (part_of(one) for one in in_processes("part", names))


def without_each(shares: Iterable[int]) -> Iterator[Removed]:
    """Each guard of these shares taken away, alone; there are PROCESSES shares, each in one process."""
    names = guards()
    for done in in_processes("guard", [",".join(names[share::PROCESSES]) for share in shares]):
        yield from (removed_of(one) for one in done["removed"])


def part_of(told: Mapping[str, Any]) -> Searched:
    """What was told of a part as JSON."""
    return Searched(**{key: _tuples(value) for key, value in told.items()})


def removed_of(told: Mapping[str, Any]) -> Removed:
    """What was told of a guard as JSON."""
    return Removed(**{key: _tuples(value) for key, value in told.items()})


def _tuples(value: Any) -> Any:
    return tuple(_tuples(one) for one in value) if isinstance(value, list) else value


def job(kind: str, name: str) -> str:
    """What one process does, as JSON. What it makes it keeps to its end, and makes no cycles: nothing is to collect."""
    gc.disable()
    if kind == "guard":
        return json.dumps({"removed": [asdict(removed(guard)) for guard in name.split(",")]})
    return json.dumps(asdict(JOBS[kind](name)))


__all__ = [
    "PROCESSES",
    "Searched",
    "agree",
    "calm",
    "in_processes",
    "job",
    "long_parts",
    "part_names",
    "part_of",
    "removed_of",
    "search_of",
    "searched_parts",
    "without_each",
]
