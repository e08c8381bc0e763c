"""Lines that something else finds: systemd's journal, or a configured command; each ends, or is ended."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from interlock.events.seams import MonotonicClock
from interlock.runners.child import NOT_FOUND, Child, Ended
from interlock.runners.logs.parts import Part, Period, Sink
from interlock.runners.logs.settings import Logs

JOURNALCTL: Final = "journalctl"
SAID_MAX: Final = 3
SAID_CHARACTERS_MAX: Final = 300


@dataclass(frozen=True, slots=True)
class Machine:
    """Where children run, and with what: the process's own."""

    home: Path
    environ: Mapping[str, str]
    clock: MonotonicClock


async def read_command(logs: Logs, period: Period, machine: Machine, sink: Sink) -> Part:
    """Run the configured command; it counts as read where it ended with 0."""
    assert logs.command is not None
    part = Part(" ".join(logs.command.words), until=period.until)

    def told(line: str) -> None:
        part.lines += 1
        sink("command", line.encode("utf-8", "replace"))

    more = {
        "INTERLOCK_ENVIRONMENT": logs.environment,
        "INTERLOCK_SINCE": _instant(period.since),
        "INTERLOCK_UNTIL": _instant(period.until),
    }
    ended = await _run(logs.command.words, logs.command.directory, machine, more, told, logs.seconds)
    if ended.ended_by_us:
        part.lacks(f"it took longer than {logs.seconds:g} s, and was ended")
    elif ended.code:
        part.lacks(ended.how)
    return part


async def read_journal(logs: Logs, period: Period, machine: Machine, sink: Sink) -> Part:
    """Ask systemd's journal for the unit; first, whether it reaches back to the beginning of the period."""
    assert logs.journald is not None
    part = Part(logs.journald, until=period.until)
    since, until = (f"@{at.timestamp():.6f}" for at in (period.since, period.until))
    before: list[dict[str, Any]] = []
    what = [f"--until={since}", "--lines=1", "--reverse"]
    await _journal(part, logs, machine, what, before.append)
    if not before and not part.missing:
        part.lacks(f"the journal does not reach back to {period.since:%Y-%m-%d %H:%M:%S GMT}")

    def told(entry: dict[str, Any]) -> None:
        part.lines += 1
        sink("journald", _message(entry.get("MESSAGE")))

    what = [f"--unit={logs.journald}", f"--since={since}", f"--until={until}"]
    await _journal(part, logs, machine, what, told)
    return part


async def _journal(
    part: Part, logs: Logs, machine: Machine, what: Sequence[str], entry: Callable[[dict[str, Any]], None]
) -> None:
    """Hand over each entry. Whatever else journalctl says, as that some are not for these eyes, is a gap."""
    said: list[str] = []

    def told(line: str) -> None:
        try:
            found = json.loads(line)
        except ValueError:
            found = None
        if isinstance(found, dict):
            entry(found)
        elif line.strip() and not line.startswith("-- ") and len(said) < SAID_MAX:
            said.append(line.strip()[:SAID_CHARACTERS_MAX])

    where = [f"--directory={logs.journal}"] if logs.journal is not None else []
    command = [JOURNALCTL, "--no-pager", "--output=json", *where, *what]
    ended = await _run(command, machine.home, machine, {}, told, logs.seconds)
    if ended.ended_by_us:
        part.lacks(f"{JOURNALCTL} took longer than {logs.seconds:g} s, and was ended")
    elif ended.code == NOT_FOUND:
        part.lacks(f"there is no {JOURNALCTL} on this machine: read the logs as files, or by a command")
    elif ended.code or said:
        part.lacks(f"{JOURNALCTL}: {'; '.join(said) or ended.how}")


async def _run(
    words: Sequence[str],
    directory: Path,
    machine: Machine,
    more: Mapping[str, str],
    told: Callable[[str], None],
    seconds: float,
) -> Ended:
    environ = {**machine.environ, **more}
    child = await Child.start(words, directory=directory, environ=environ, clock=machine.clock, told=told)
    waiting = asyncio.create_task(child.wait())
    done, _ = await asyncio.wait({waiting}, timeout=seconds)
    if not done:
        await child.end()
    return await waiting


def _message(value: object) -> bytes:
    """What is no text is an array of bytes in journalctl's JSON."""
    if isinstance(value, list):
        return bytes(byte for byte in value if isinstance(byte, int) and 0 <= byte <= 255)
    return str(value or "").encode("utf-8", "replace")


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
