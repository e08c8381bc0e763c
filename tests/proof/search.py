"""Every state that can be reached, breadth first, and from which of them the goal can be reached."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.proof.canonical import Canon, Key
from tests.proof.lazy import LazyGate
from tests.proof.moves import Move, Moves
from tests.proof.world import State, Wrong

Goal = Callable[[State], bool]
Check = Callable[[State], None]


def moves_of(state: State, scope: Any, lazy: LazyGate) -> Iterator[Move]:
    """The moves of the release flow."""
    return Moves(state, scope, lazy).all()


class Found(AssertionError):
    """a state that must not be, and the way to it"""

    def __init__(self, what: str, way: list[str]) -> None:
        super().__init__(f"{what}: {' -> '.join(way)}")
        self.what, self.way = what, way


@dataclass
class Space:
    """What was searched: the `whole` of it, or all that lies within `depth` - 1 moves, and some more."""

    scope: Any
    states: int = 0
    transitions: int = 0
    attempts: int = 0
    depth: int = 0
    goals: int = 0
    refused: int = 0
    scenes: dict[str, int] = field(default_factory=dict)
    stuck: list[list[str]] = field(default_factory=list)
    whole: bool = True


@dataclass
class Search:
    """A search of one part of the space, from its beginnings."""

    scope: Any
    beginnings: tuple[State, ...]
    is_goal: Goal | None = None
    check: Check | None = None
    scenes: dict[str, Goal] = field(default_factory=dict)
    limit: int = 0
    loud: bool = False

    moves: Callable[[State, Any, LazyGate], Iterator[Move]] = moves_of
    canon: Any = field(default_factory=Canon)
    lazy: LazyGate = field(default_factory=LazyGate)
    known: dict[Key, int] = field(default_factory=dict)
    parents: array[int] = field(default_factory=lambda: array("i"))
    by: array[int] = field(default_factory=lambda: array("i"))
    sources: array[int] = field(default_factory=lambda: array("i"))
    targets: array[int] = field(default_factory=lambda: array("i"))
    goals: list[int] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)

    def run(self) -> Space:
        """Search all of it. Raises Found."""
        space = Space(self.scope)
        level: list[tuple[int, State]] = []
        for beginning in self.beginnings:
            state = State(
                beginning.situation, beginning.ghost, beginning.now, self.scope.disturbances, beginning.streams
            )
            self._reach(state, None, -1, "", level)
        while level:
            space.depth += 1
            following: list[tuple[int, State]] = []
            for index, state in level:
                if self.limit and len(self.known) > self.limit:
                    following, space.whole = [], False
                    break
                self._expand(index, state, following, space)
            level = following
            if self.loud:
                print(space.depth, len(level), len(self.known), len(self.targets), flush=True)
        space.states, space.goals = len(self.known), len(self.goals)
        space.transitions = len(self.targets)
        space.refused = space.attempts - space.transitions
        space.scenes = self.seen
        if self.is_goal is not None and space.whole:
            space.stuck = [self.way(index) for index in self._stuck()]
        return space

    def _reach(self, state: State, before: State | None, parent: int, label: str, level: list[Any]) -> int:
        key = self.canon.key(state, before)
        index = self.known.get(key)
        if index is None:
            index = self.known[key] = len(self.known)
            self.parents.append(parent)
            self.by.append(self.labels.setdefault(label, len(self.labels)))
            level.append((index, state))
            if self.check is not None:
                try:
                    self.check(state)
                except Wrong as wrong:
                    raise Found(str(wrong), self.way(index)) from wrong
            for name, shown in self.scenes.items():
                if shown(state):
                    self.seen[name] = self.seen.get(name, 0) + 1
            if self.is_goal is not None and self.is_goal(state):
                self.goals.append(index)
        return index

    def _expand(self, index: int, state: State, following: list[Any], space: Space) -> None:
        for label, cost, then in self.moves(state, self.scope, self.lazy):
            if cost > state.left:
                continue
            space.attempts += 1
            try:
                after = then()
            except Wrong as wrong:
                raise Found(str(wrong), [*self.way(index), label]) from wrong
            if after is None:
                continue
            after.left = state.left - cost
            target = self._reach(after, state, index, label, following)
            self.sources.append(index)
            self.targets.append(target)
        state.parts = None

    def way(self, index: int) -> list[str]:
        """The moves from the beginning to this state."""
        names = {number: label for label, number in self.labels.items()}
        way: list[str] = []
        while index >= 0:
            way.append(names[self.by[index]])
            index = self.parents[index]
        return [label for label in reversed(way) if label]

    def _stuck(self) -> list[int]:
        """The states from which no goal can be reached."""
        into: list[list[int]] = [[] for _ in range(len(self.known))]
        for source, target in zip(self.sources, self.targets, strict=True):
            into[target].append(source)
        reaches = bytearray(len(self.known))
        todo = list(self.goals)
        for index in todo:
            reaches[index] = 1
        while todo:
            for source in into[todo.pop()]:
                if not reaches[source]:
                    reaches[source] = 1
                    todo.append(source)
        return [index for index, reached in enumerate(reaches) if not reached]
