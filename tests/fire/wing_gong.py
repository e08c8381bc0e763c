"""Linearizability by trying every order (Wing and Gong 1993): exponential, and short enough to be believed.

It is the oracle for `checker.py`, on histories of a few operations.
"""

from __future__ import annotations

from collections.abc import Sequence

from tests.fire.history import Attempt, Entry, Head, Lookup, Operation, Read

State = tuple[str, ...]
"""The log: for each event the command it came from."""


def linearizable(operations: Sequence[Operation], entries: Sequence[Entry]) -> bool:
    """Tell whether some order of all answered operations, and of some others, explains every answer and the log."""
    marks = {entry.position: entry.mark for entry in entries}
    final = tuple(entry.command for entry in entries)
    sizes = {command: final.count(command) for command in final}
    seen: set[tuple[frozenset[int], State]] = set()

    def search(left: frozenset[int], state: State) -> bool:
        if (left, state) in seen:
            return False
        seen.add((left, state))
        if state == final and all(_may_be_left(operations[one]) for one in left):
            return True
        for one in left:
            # Whatever was answered before this one was asked comes before it.
            if any(operations[other].returned < operations[one].invoked for other in left):
                continue
            if any(search(left - {one}, after) for after in _steps(operations[one], state, final, sizes, marks)):
                return True
        return False

    # What says that nothing happened did not happen, and so comes before nothing.
    happened = [place for place, one in enumerate(operations) if getattr(one, "outcome", "") != "nothing"]
    return search(frozenset(happened), ())


def _may_be_left(one: Operation) -> bool:
    """An operation without an answer need not have happened."""
    answer = {Attempt: "outcome", Read: "marks", Head: "position", Lookup: "positions"}[type(one)]
    return getattr(one, answer) in {None, "open"}


def _steps(one: Operation, state: State, final: State, sizes: dict[str, int], marks: dict[int, int]) -> list[State]:
    """Return the states that `one` may lead to from `state` with the answer that it had: none where it cannot."""
    match one:
        case Attempt(outcome="refused" | "changed"):
            raise NotImplementedError("the histories that are compared have no such answers")
        case Attempt(command=command, outcome=outcome, positions=positions):
            after = state
            if command not in state:
                # Which events a command has, only the log tells: one that is not there has no step.
                if command not in sizes:
                    return []
                after = state + (command,) * sizes[command]
                if final[: len(after)] != after:
                    return []
            held = tuple(place for place, other in enumerate(after, start=1) if other == command)
            return [after] if outcome == "open" or held == positions else []
        case Read(after=first, limit=limit, marks=found):
            page = tuple(marks[place] for place in range(first + 1, min(len(state), first + limit) + 1))
            return [state] if found is None or found == page else []
        case Head(position=position):
            return [state] if position in {None, len(state)} else []
        case Lookup(command=command, positions=positions):
            held = tuple(place for place, other in enumerate(state, start=1) if other == command)
            return [state] if positions in {None, held} else []
