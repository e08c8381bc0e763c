"""A file system of its own for a test, small enough to be full soon."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SIZE = "200m"


class NeedsRoot(Exception):
    """this one mounts a small file system of its own, which only root may: run `make faults` as root"""


@contextmanager
def small_disk(where: Path, size: str = SIZE) -> Iterator[Path]:
    """A file system of its own, full soon. Raises NeedsRoot."""
    if os.geteuid() != 0:
        raise NeedsRoot(NeedsRoot.__doc__)
    where.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(where)], check=True)
    try:
        yield where
    finally:
        subprocess.run(["umount", "--lazy", str(where)], check=True)


def fill(disk: Path) -> Path:
    """Fill it to the last byte, and return what has to go again."""
    filler = disk / "filler"
    piece = b"x" * 2**16
    with filler.open("wb", buffering=0) as file:
        while piece:
            try:
                file.write(piece)
            except OSError:
                piece = piece[: len(piece) // 2]
    return filler
