"""What Linux tells of processes: whose children they are, and when they end."""

from __future__ import annotations

import select
from pathlib import Path


def children(parent: int) -> list[int]:
    """Return the processes whose parent is `parent`."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended while we looked
        if int(fields[1]) == parent:
            found.append(int(stat.parent.name))
    return found


def ended(process: int, seconds: float) -> bool:
    """Wait at most `seconds` for the end of a process, given by its descriptor; tell whether it ended."""
    return bool(select.select([process], [], [], seconds)[0])
