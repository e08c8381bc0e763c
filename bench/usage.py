"""Processor time of processes, which other work on the machine changes little: a rate it changes as it likes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
# Of what follows the name in /proc/PID/stat: the parent, and the ticks of the process and of its children that ended.
PARENT = 1
TICKS = slice(11, 15)


def processor_seconds(pids: Iterable[int]) -> float:
    """Return what they, and their children that ended, have taken so far."""
    return sum(sum(int(ticks) for ticks in _stat(pid)[TICKS]) for pid in pids) / TICKS_A_SECOND


def family(pid: int) -> list[int]:
    """Return a process's parent and all that this one has started: of a PostgreSQL connection, the whole server."""
    head = int(_stat(pid)[PARENT])
    return [head, *(int(task) for task in Path(f"/proc/{head}/task/{head}/children").read_text().split())]


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except FileNotFoundError:
        # It ended: its parent has its ticks.
        return ["0"] * TICKS.stop
