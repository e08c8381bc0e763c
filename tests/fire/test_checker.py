"""The checker of histories: it finds each way to be wrong, and decides as whoever tries every order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.fire.checker import check
from tests.fire.history import OPEN, Attempt, Entry, Head, Lookup, Operation, Read
from tests.fire.wing_gong import linearizable

A, B, C = "a", "b", "c"


def log_of(*commands: str, sizes: Sequence[int] = ()) -> list[Entry]:
    """A log in which each command has one event, or as many as `sizes` says."""
    made: list[Entry] = []
    for place, command in enumerate(commands):
        for ordinal in range(sizes[place] if sizes else 1):
            position = len(made) + 1
            intent = f"intent {command}" if ordinal == 0 else None
            made.append(Entry(position, command, ordinal, 100 + position, intent, None, f"s{position}", 1))
    return made


def done(command: str, invoked: int, returned: int, *positions: int) -> Attempt:
    return Attempt(f"intent {command}", command, invoked, returned, "recorded", positions)


def page(after: int, invoked: int, returned: int, *positions: int, limit: int = 10) -> Read:
    return Read(after, limit, invoked, returned, tuple(100 + position for position in positions))


GOOD: list[Operation] = [
    done(A, 0, 10, 1),
    done(B, 5, 20, 2),
    page(0, 11, 12, 1),
    page(0, 21, 22, 1, 2),
    done(A, 23, 24, 1),
    Head(25, 26, 2),
    Lookup(B, 27, 28, (2,)),
    Lookup(C, 29, 30, ()),
]


def test_a_history_that_one_order_explains_is_in_order() -> None:
    told = check(GOOD, log_of(A, B))
    assert (told.findings, told.operations, told.commands) == ([], 8, 2)


def test_an_outcome_that_nobody_knows_may_be_there_or_not() -> None:
    lost = Attempt("intent c", C, 0)
    assert not check([*GOOD, lost], log_of(A, B)).findings
    assert not check([*GOOD, lost], log_of(A, B, C)).findings


BAD: dict[str, tuple[list[Operation], list[Entry], str]] = {
    "a stale page": ([*GOOD, page(0, 30, 31, 1)], log_of(A, B), "out of order"),
    "a stale head": ([*GOOD, Head(30, 31, 1)], log_of(A, B), "out of order"),
    "a stale end": ([*GOOD, page(1, 30, 31)], log_of(A, B), "out of order"),
    "a stale answer": ([*GOOD, Lookup(A, 30, 31, ())], log_of(A, B), "out of order"),
    "a stale end in a command": ([done(A, 0, 1, 1, 2), page(1, 5, 6)], log_of(A, sizes=[2]), "out of order"),
    "pages that go back": ([page(0, 1, 2, 1), page(0, 3, 4)], log_of(A), "out of order"),
    "a page from the future": ([page(0, 0, 1, 1), done(A, 2, 3, 1)], log_of(A), "out of order"),
    "an acknowledged command that is gone": ([*GOOD, done(C, 40, 41, 3)], log_of(A, B), "lost"),
    "a head beyond the log": ([*GOOD, Head(40, 41, 3)], log_of(A, B), "lost"),
    "a command twice": ([*GOOD], log_of(A, B, A), "doubled"),
    "an intent twice": ([*GOOD], [*log_of(A, B), replace(log_of(A, B, C)[2], intent="intent a")], "doubled"),
    "positions out of order": ([*GOOD], log_of(A, B)[::-1], "reordered"),
    "two in the order that they were not given in": (
        [done(A, 0, 1, 2), done(B, 2, 3, 1)],
        log_of(B, A),
        "out of order",
    ),
    "an answer that changed": ([*GOOD, done(A, 40, 41, 2)], log_of(A, B), "another answer"),
    "an id that was looked up elsewhere": ([*GOOD, Lookup(A, 40, 41, (2,))], log_of(A, B), "another answer"),
    "half a command": ([page(0, 1, 9, 1)], log_of(A, sizes=[2]), "torn"),
    "a head in half a command": ([Head(1, 9, 1)], log_of(A, sizes=[2]), "torn"),
    "commands that do not stand together": (
        [],
        [*log_of(A, B), replace(log_of(A, sizes=[2])[1], position=3)],
        "torn",
    ),
    "other bytes": ([Read(0, 10, 30, 31, (101, 999))], log_of(A, B), "not a prefix"),
    "a gap": ([Read(0, 10, 30, 31, (102,))], log_of(A, B), "not a prefix"),
    "recorded though it was said not": (
        [Attempt("intent a", A, 0, 1, "nothing")],
        log_of(A),
        "lied",
    ),
    "a name taken twice": ([], [replace(one, takes="4.12.0") for one in log_of(A, B)], "overtaken"),
    "refused though nobody had it": (
        [Attempt("intent b", B, 0, 1, "refused", name="4.12.0")],
        log_of(A),
        "wrong",
    ),
    "refused by what was not there yet": (
        [Attempt("intent b", B, 0, 1, "refused", name="4.12.0"), done(A, 2, 3, 1)],
        [replace(one, takes="4.12.0") for one in log_of(A)],
        "out of order",
    ),
    "changed by nobody else": (
        [Attempt("intent a", A, 0), Attempt("intent a", A, 2, 3, "changed", stream="s1", if_version=0)],
        log_of(A),
        "changed by itself",
    ),
}


@pytest.mark.parametrize("bad", BAD)
def test_it_finds(bad: str) -> None:
    operations, entries, word = BAD[bad]
    findings = check(operations, entries).findings
    assert any(finding.startswith(word) for finding in findings), findings


SIZES = st.lists(st.integers(1, 2), max_size=4)
MOMENTS = st.tuples(st.integers(0, 14), st.integers(0, 7))


@st.composite
def small(draw: st.DrawFn) -> tuple[list[Operation], list[Entry]]:
    """A log of a few commands, and a few operations that mostly say what some moment allows."""
    sizes = draw(SIZES)
    commands = [chr(ord("a") + number) for number in range(len(sizes))]
    entries = log_of(*commands, sizes=sizes)
    held = {one: tuple(e.position for e in entries if e.command == one) for one in commands}
    ends = [0, *(positions[-1] for positions in held.values())]
    operations: list[Operation] = []
    for one in commands:
        begun, lasts = draw(MOMENTS)
        answered = done(one, begun, begun + lasts, *held[one])
        operations.append(draw(st.sampled_from([answered, Attempt(one, one, begun)])))
    for _ in range(draw(st.integers(0, 4))):
        begun, lasts = draw(MOMENTS)
        ended = begun + lasts
        end = draw(st.sampled_from(ends) if draw(st.integers(0, 9)) else st.integers(0, len(entries) + 1))
        after, limit = draw(st.integers(0, len(entries))), draw(st.integers(1, 3))
        which = draw(st.sampled_from([*commands, "z"]))
        held_then = held.get(which, ()) if draw(st.booleans()) else ()
        seen = tuple(e.mark for e in entries[after:end])[:limit]
        choices: list[Operation] = [
            Read(after, limit, begun, ended, seen),
            Read(after, limit, begun),
            Head(begun, ended, end),
            Lookup(which, begun, ended, held_then),
            Attempt(which, which, begun),
            Attempt(which, which, begun, ended, "recorded", held_then or (1,)),
            Attempt(which, f"{which} refused", begun, ended, "nothing"),
        ]
        operations.append(draw(st.sampled_from(choices)))
    return operations, entries


@settings(max_examples=600, deadline=None)
@given(small())
def test_it_decides_as_whoever_tries_every_order(history: tuple[list[Operation], list[Entry]]) -> None:
    operations, entries = history
    in_order = linearizable(operations, entries)
    event("linearizable" if in_order else "not linearizable")
    findings = check(operations, entries).findings
    assert (not findings) == in_order, findings


def test_both_kinds_of_history_are_compared_often() -> None:
    """A comparison in which nothing is ever linearizable, or everything, would show nothing."""
    told = {True: 0, False: 0}

    @settings(max_examples=300, deadline=None, database=None, derandomize=True)
    @given(small())
    def count(history: tuple[list[Operation], list[Entry]]) -> None:
        told[linearizable(*history)] += 1

    count()
    assert min(told.values()) >= 50, told


def test_it_takes_long_histories_as_they_come() -> None:
    """One pass, however long it is: whoever tries every order would not end."""
    commands = [f"c{number}" for number in range(20_000)]
    operations: list[Operation] = []
    for place, command in enumerate(commands, start=1):
        operations.append(done(command, 10 * place, 10 * place + 9, place))
        operations.append(page(place - 1, 10 * place + 10, OPEN - 1, place, limit=1))
    told = check(operations, log_of(*commands))
    assert (told.findings, told.operations) == ([], 40_000)
