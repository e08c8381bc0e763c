"""Whether a history is linearizable: whether one order of all operations explains every answer.

The object is one project's log: an attempt appends its command's events, unless its id is in the log, and answers with
their positions; reads see a prefix. In general this takes exponential time. Here the final log gives the order of
all that was recorded, and one pass decides exactly:

Let t(k) be the moment at which the k-th command took effect, t(1) <= t(2) <= … Every operation says no more than
that its own moment s, between its question and its answer, lies in a stretch: t(a) <= s <= t(b). A page that ends
at the log's end after k commands says a = k, b = k + 1; a full page a = k; "not there yet" b = k; the answer to an
attempt a = k. And t(k) is not before the first try that can have recorded it was asked. So the earliest t(k) is the
highest of all these lower bounds up to k, and the history is linearizable if and only if no operation was answered
before the earliest moment of its a. `wing_gong.py` decides the same by trying every order; a test compares them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from tests.fire.history import Attempt, Entry, Head, Lookup, Operation, Read

FINDINGS_MAX = 50
NEVER = 2**62


@dataclass(slots=True)
class Told:
    """What a check found. `findings` is empty where the history is linearizable."""

    findings: list[str] = field(default_factory=list)
    operations: int = 0
    commands: int = 0

    def find(self, what: str) -> None:
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(what)


@dataclass(slots=True)
class Stretch:
    """An operation's moment lies after the first `after` commands took effect and before number `before` did."""

    operation: Operation
    after: int
    before: int = NEVER


class Log:
    """The final log, command by command; number 0 is the empty log."""

    def __init__(self, entries: Sequence[Entry], told: Told) -> None:
        self.entries = entries
        self.marks = [entry.mark for entry in entries]
        self.numbers: dict[str, int] = {}
        self.positions: list[tuple[int, ...]] = [()]
        self.ends: dict[int, int] = {0: 0}
        self.number_at: list[int] = [0]
        self.takers: dict[str, int] = {}
        self.moved: dict[tuple[str, int], int] = {}
        self.intents: dict[str, int] = {}
        versions: dict[str, int] = {}
        before = ""
        for place, entry in enumerate(entries, start=1):
            if entry.position != place:
                told.find(f"reordered: position {entry.position} stands where {place} must stand")
            if entry.ordinal == 0:
                self._begin(entry, told)
            elif entry.command != before:
                told.find(f"torn: position {place} is inside a command that does not stand before it")
            before = entry.command
            number = len(self.positions) - 1
            self.positions[number] += (entry.position,)
            self.number_at.append(number)
            if entry.ordinal:
                del self.ends[place - 1]
            self.ends[place] = number
            if entry.takes is not None and self.takers.setdefault(entry.takes, number) != number:
                told.find(f"overtaken: {entry.takes} was taken twice, the second time at {place}")
            if entry.version != versions.get(entry.stream, 0) + 1:
                told.find(f"reordered: version {entry.version} of {entry.stream} at {place}")
            versions[entry.stream] = entry.version
            self.moved[entry.stream, entry.version] = number
        if any(later.at < earlier.at for earlier, later in pairwise(entries)):
            told.find("reordered: time goes back")

    def _begin(self, entry: Entry, told: Told) -> None:
        self.positions.append(())
        number = len(self.positions) - 1
        if entry.command in self.numbers:
            told.find(f"doubled: command {entry.command} is in the log twice, the second time at {entry.position}")
        self.numbers[entry.command] = number
        if entry.intent is not None and self.intents.setdefault(entry.intent, number) != number:
            told.find(f"doubled: {entry.intent} is in the log twice, the second time at {entry.position}")


def check(operations: Sequence[Operation], entries: Sequence[Entry]) -> Told:
    """Tell whether `operations` on one project, whose log is `entries` in the end, are linearizable."""
    told = Told(operations=len(operations))
    log = Log(entries, told)
    told.commands = len(log.positions) - 1
    earliest = _asked_first(operations, log, told)
    stretches = [stretch for one in operations for stretch in [_stretch(one, log, told)] if stretch is not None]
    for stretch in stretches:
        if stretch.before < len(earliest):
            earliest[stretch.before] = max(earliest[stretch.before], stretch.operation.invoked)
    for number in range(1, len(earliest)):
        earliest[number] = max(earliest[number], earliest[number - 1])
    for stretch in stretches:
        if stretch.operation.returned < earliest[stretch.after]:
            told.find(
                f"out of order: answered {earliest[stretch.after] - stretch.operation.returned} ns before command "
                f"{stretch.after} can have taken effect: {stretch.operation}"
            )
    return told


def _asked_first(operations: Sequence[Operation], log: Log, told: Told) -> list[int]:
    """Return for each command of the log when the first try was asked that can have recorded it."""
    first = [0] + [NEVER] * (len(log.positions) - 1)
    said_not = set()
    for one in operations:
        if isinstance(one, Attempt) and one.command in log.numbers:
            number = log.numbers[one.command]
            if one.outcome in {"recorded", "refused", "open"}:
                first[number] = min(first[number], one.invoked)
            else:
                said_not.add(number)
    for number, moment in enumerate(first):
        if moment == NEVER:
            # What nobody in this history asked for is somebody else's: it may have been recorded at any moment.
            first[number] = 0
            if number in said_not:
                told.find(f"lied: command {number} is recorded, and every answer said that nothing was")
    return first


def _stretch(one: Operation, log: Log, told: Told) -> Stretch | None:
    match one:
        case Attempt():
            return _of_attempt(one, log, told)
        case Read(marks=marks) if marks is not None:
            return _of_page(one, marks, log, told)
        case Head(position=position) if position is not None:
            return _at_end(one, position, log, told)
        case Lookup(positions=positions) if positions is not None:
            return _of_lookup(one, positions, log, told)
        case _:
            return None


def _of_attempt(one: Attempt, log: Log, told: Told) -> Stretch | None:
    number = log.numbers.get(one.command)
    match one.outcome:
        case "recorded" if number is None:
            told.find(f"lost: {one.intent} was acknowledged at {one.positions} and is not in the log")
        case "recorded" if log.positions[number or 0] != one.positions:
            told.find(f"another answer: {one.intent} is at {log.positions[number or 0]}, not at {one.positions}")
        case "recorded":
            return Stretch(one, number or 0)
        case "refused":
            taker = log.takers.get(one.name or "")
            if taker is None:
                told.find(f"wrong: {one.intent} was refused, and nobody ever took {one.name}")
            elif number is not None and number <= taker:
                told.find(f"overtaken: {one.intent} was refused before anybody took {one.name}")
            else:
                return Stretch(one, taker if number is None else number)
        case "changed":
            moved = log.moved.get((one.stream or "", (one.if_version or 0) + 1))
            if moved is None or (number is not None and moved >= number):
                told.find(f"changed by itself: {one.intent} met {one.stream} as it was, or its own events in it")
            else:
                return Stretch(one, moved, NEVER if number is None else number)
    return None


def _of_page(one: Read, marks: tuple[int, ...], log: Log, told: Told) -> Stretch | None:
    end = one.after + len(marks)
    if list(marks) != log.marks[one.after : end]:
        told.find(f"not a prefix: what was read after {one.after} is not what the log holds there")
        return None
    if len(marks) == one.limit:
        # There may have been more. Its last event was there, and with it its whole command.
        return Stretch(one, log.number_at[end])
    if not marks and one.after > len(log.entries):
        return None
    if not marks:
        # Nothing after this position: the log ended there or before.
        return Stretch(one, 0, log.number_at[one.after] + 1 if one.after in log.ends else log.number_at[one.after])
    return _at_end(one, end, log, told)


def _at_end(one: Operation, position: int, log: Log, told: Told) -> Stretch | None:
    if position not in log.ends:
        past = position > len(log.entries)
        told.find(f"{'lost' if past else 'torn'}: a log that ends at {position} was seen: {one}")
        return None
    return Stretch(one, log.ends[position], log.ends[position] + 1)


def _of_lookup(one: Lookup, positions: tuple[int, ...], log: Log, told: Told) -> Stretch | None:
    number = log.numbers.get(one.command)
    if not positions:
        return None if number is None else Stretch(one, 0, number)
    if number is None or log.positions[number] != positions:
        told.find(f"another answer: {one.command} was looked up at {positions}")
        return None
    return Stretch(one, number)
