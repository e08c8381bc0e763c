"""Files read on from where the last check stopped, through every rotation; or, the first time, by the lines' times."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from interlock.runners.logs.families import Member, NoFile, close, families, members_of
from interlock.runners.logs.parts import Part, Period, Sink
from interlock.runners.logs.settings import Logs
from interlock.runners.logs.stamps import Stamps

# More than this of one file is read by the next check, which begins where this one stopped.
FAMILY_BYTES_MAX: Final = 1 << 30
# A longer line is looked at in pieces.
LINE_BYTES_MAX: Final = 1 << 20
# So many lines are looked at to find the first time in a file.
FIRST_LINES_MAX: Final = 1_000
# A file that nobody wrote into for so long before the last check may go.
IDLE: Final = timedelta(days=1)

Cursors = Mapping[str, Mapping[str, Any]]


def read_files(logs: Logs, period: Period, cursors: Cursors, sink: Sink, *, most: int = FAMILY_BYTES_MAX) -> list[Part]:
    """Read what is new in every file; `cursors` say where the last check stopped in each."""
    bases, nothing = families(logs.files)
    parts = [_lacking(each, "no file has such a name") for each in nothing]
    for base in bases:
        parts.append(_family(base, logs.stamps, period, cursors.get(str(base)), sink, most))
    for name, cursor in cursors.items():
        if Path(name) not in bases:
            parts.append(_gone(name, cursor, period))
    return parts


def _lacking(source: str, what: str) -> Part:
    part = Part(source)
    part.lacks(what)
    return part


def _gone(name: str, cursor: Mapping[str, Any], period: Period) -> Part:
    part = Part(name, until=period.until)
    if datetime.fromisoformat(cursor["changed"]) + IDLE < period.since:
        part.notes.append("it is gone; nobody had written into it for a day when it was read last")
    else:
        part.lacks(f"it is gone, with what was written after its byte {cursor['offset']}")
    return part


def _family(
    base: Path, stamps: Stamps, period: Period, cursor: Mapping[str, Any] | None, sink: Sink, most: int
) -> Part:
    part = Part(str(base))
    try:
        members = members_of(base)
    except (OSError, NoFile) as wrong:
        part.lacks(str(wrong))
        return part
    try:
        reader = _Reader(part, stamps, period, sink, most)
        begun = _where(members, cursor) if cursor is not None else None
        if cursor is not None and begun is not None:
            reader.skip_older = not period.goes_on
            reader.rest_of(members, cursor.get("older"))
            reader.go(members, *begun)
        elif cursor is not None and cursor["offset"]:
            part.lacks(f"what was written after byte {cursor['offset']} of {cursor['path']} is in none of its files")
            reader.go(_since(members, period), 0, 0)
        else:
            reader.by_time(members)
    except (OSError, NoFile, EOFError, zlib.error) as wrong:
        part.lacks(str(wrong) or type(wrong).__name__)
    finally:
        close(members)
    return part


def _where(members: Sequence[Member], cursor: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return which file the last check stopped in, and where; it may have another name, or be compressed."""
    offset, size = cursor["offset"], cursor["head_bytes"]
    same = [
        number
        for number, member in enumerate(members)
        if (member.device, member.inode) == (cursor["device"], cursor["inode"])
    ]
    for number in [*same, *(range(len(members)) if offset else ())]:
        member = members[number]
        long_enough = member.compressed or member.size >= offset
        if long_enough and member.begins_with(cursor["head"], size):
            return number, offset
    return None


def _since(members: Sequence[Member], period: Period) -> list[Member]:
    return [member for member in members if member.changed >= period.since]


@dataclass(slots=True)
class _Reader:
    """Reads the files of one family, in order, into the sink."""

    part: Part
    stamps: Stamps
    period: Period
    sink: Sink
    most: int
    skip_older: bool = False
    last: datetime | None = None
    older: dict[str, Any] | None = None

    def by_time(self, members: Sequence[Member]) -> None:
        """Begin at the period's beginning, as the lines tell it; say what is not there any more."""
        first, begun, known = len(members), None, False
        while first and not known:
            member = members[first - 1]
            if member.changed < self.period.since:
                known = True
                break
            first -= 1
            begun = self._first_stamp(member)
            known = begun is not None and begun <= self.period.since
        self.skip_older = True
        self.go(members, first, 0)
        if known:
            return
        if begun is None and self.part.lines:
            self.part.lacks("none of its first lines has a time that is known; say its form by `time`")
        elif begun is None:
            self.part.notes.append("it is empty")
        elif any(member.rotated for member in members):
            self.part.lacks(f"its oldest file begins at {begun:%Y-%m-%d %H:%M:%S GMT}; what was before is gone")
        else:
            self.part.notes.append(f"it begins at {begun:%Y-%m-%d %H:%M:%S GMT}")

    def go(self, members: Sequence[Member], first: int, offset: int) -> None:
        """Read from that place to the end of the last file."""
        if not self.part.missing:
            self.part.until = self.period.until
        for number in range(first, len(members)):
            if number > first:
                self.older = self.part.cursor
            whole = self._member(members[number], offset)
            offset = 0
            if not whole:
                break
        if first >= len(members) and members:
            # Nothing in them is new: the next check goes on at the end of the last one.
            member = members[-1]
            self.part.cursor = member.cursor(member.size) if not member.compressed else None
        if self.part.cursor is not None and self.older is not None:
            self.part.cursor["older"] = {name: self.older[name] for name in self.older if name != "older"}

    def rest_of(self, members: Sequence[Member], older: Mapping[str, Any] | None) -> None:
        """Read what was still written into the file before the last one, after it was rotated away."""
        place = _where(members, older) if older is not None else None
        if place is not None:
            number, offset = place
            if members[number].compressed or members[number].size > offset:
                self._member(members[number], offset)
                self.older = self.part.cursor
            else:
                self.older = dict(older or {})

    def _member(self, member: Member, offset: int) -> bool:
        """Read one file to its end, as it was when it was opened; tell whether all of it was read."""
        began, digest = offset, hashlib.sha256()
        file = member.file_from(offset)
        whole = True
        while member.compressed or offset < member.size:
            left = LINE_BYTES_MAX if member.compressed else min(LINE_BYTES_MAX, member.size - offset)
            line = file.readline(left)
            if not line:
                break
            if not line.endswith(b"\n") and not member.rotated and len(line) < LINE_BYTES_MAX:
                # Whoever writes it is not done with it: the next check reads it whole.
                break
            if offset - began >= self.most:
                whole = False
                self._stopped(offset)
                break
            offset += len(line)
            digest.update(line)
            self._line(line)
        self.most -= offset - began
        self.part.cursor = member.cursor(offset)
        told = {"path": str(member.path), "size": member.size, "from": began, "to": offset}
        self.part.read.append({**told, "sha256": digest.hexdigest()})
        return whole

    def _line(self, line: bytes) -> None:
        stamp = self.stamps.of(line, self.period.until)
        if stamp is not None:
            self.last = stamp
        if self.skip_older and self.last is not None and self.last < self.period.since:
            self.part.skipped += 1
            return
        self.part.lines += 1
        self.sink(self.part.source, line.rstrip(b"\r\n"))

    def _stopped(self, offset: int) -> None:
        """It is too much for one check: it counts up to the last time that was read, where there is one."""
        if self.last is not None and self.period.since < self.last < self.period.until and not self.part.missing:
            self.part.missing.append(f"it is too much for one check: the next one goes on at byte {offset}")
            self.part.until = self.last
        else:
            self.part.lacks(f"it is too much for one check, and its lines do not say up to when byte {offset} is")

    def _first_stamp(self, member: Member) -> datetime | None:
        file = member.file_from(0)
        for _ in range(FIRST_LINES_MAX):
            line = file.readline(LINE_BYTES_MAX)
            if not line:
                return None
            stamp = self.stamps.of(line, self.period.until)
            if stamp is not None:
                return stamp
        return None
