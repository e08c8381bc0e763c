"""The backup of the touched rows: one file, written whole before anything is committed, readable by its owner alone.

The first line says what it is; then one line a row: ["before" | "after", table, row]; the last line counts them.
The bytes never leave the machine that the runner runs on: only the digest and the place are recorded.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from interlock.events.canonical import digest_of_bytes
from interlock.runners.adjust.failures import BackupImpossible
from interlock.runners.adjust.kept import Kept, line_of

FORMAT: Final = 1
PRIVATE_FILE: Final = 0o600
PRIVATE_DIRECTORY: Final = 0o700
# With the machine's name before it, it is one line of an event.
PATH_CHARACTERS_MAX: Final = 230


class NoBackup(ValueError):
    """the file is no whole backup, or not the one whose digest is recorded"""


@dataclass(frozen=True, slots=True)
class Written:
    """A backup on disk."""

    path: Path
    digest: str
    rows: int
    size_bytes: int


def write_backup(directory: Path, marker: str, about: dict[str, Any], kept: Kept) -> Written:
    """Write the file and return when it is on disk. Raises BackupImpossible."""
    content = b"".join(
        [
            json.dumps({"interlock_backup": FORMAT, "marker": marker, **about}, sort_keys=True).encode() + b"\n",
            *(line_of("before", relation, row) for relation, rows in sorted(kept.before.items()) for row in rows),
            *(line_of("after", relation, row) for relation, rows in sorted(kept.after.items()) for row in rows),
            json.dumps({"before": kept.rows, "after": sum(map(len, kept.after.values()))}).encode() + b"\n",
        ]
    )
    path = directory / f"{marker.replace('/', '-').replace(' ', '-')}.jsonl"
    if len(str(path)) > PATH_CHARACTERS_MAX:
        raise BackupImpossible(f"the backup's path has more than {PATH_CHARACTERS_MAX} characters")
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=PRIVATE_DIRECTORY)
        _write(path, content)
    except OSError as wrong:
        raise BackupImpossible(f"the backup cannot be written: {wrong}") from None
    return Written(path, digest_of_bytes(content), kept.rows, len(content))


def _write(path: Path, content: bytes) -> None:
    """A crash leaves an unfinished file under another name, or the whole one; a token is used once, so is its name."""
    unfinished = path.with_suffix(".unfinished")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_backup(path: Path, digest: str | None = None) -> tuple[dict[str, Any], Kept]:
    """Return what the file is about, and its rows; `digest` is the recorded one. Raises NoBackup."""
    try:
        content = path.read_bytes()
    except OSError as missing:
        raise NoBackup(f"{path} cannot be read: {missing}") from None
    if digest is not None and digest_of_bytes(content) != digest:
        raise NoBackup(f"{path} has not the digest {digest}")
    try:
        # Only line feeds end lines: a row may hold every other separator.
        about, *lines, counts = (json.loads(line) for line in content.decode("utf-8").split("\n")[:-1])
        kept = Kept()
        for when, relation, row in lines:
            {"before": kept.before, "after": kept.after}[when].setdefault(relation, []).append(row)
        whole = counts == {"before": kept.rows, "after": sum(map(len, kept.after.values()))}
        known = about["interlock_backup"] == FORMAT
    except (ValueError, KeyError, TypeError) as odd:
        raise NoBackup(f"{path} is no backup of rows") from odd
    if not (whole and known):
        raise NoBackup(f"{path} is not whole, or of another format")
    return about, kept
