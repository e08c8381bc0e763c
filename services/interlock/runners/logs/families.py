"""A log file and what it was rotated into: shop.log, shop.log.1, shop.log.2.gz, shop.log-20261126.gz."""

from __future__ import annotations

import glob
import gzip
import hashlib
import os
import re
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

COMPRESSED: Final = ".gz"
# By its first bytes a file is known again when it was compressed, or copied and truncated.
HEAD_BYTES: Final = 1_024
SKIP_BYTES: Final = 1 << 20

_ROTATED: Final = re.compile(r"(?P<base>.*?[^.-])[.-](?P<number>\d[\d.T_-]*)")


class NoFile(Exception):
    """it cannot be read as a file"""


@dataclass(slots=True)
class Member:
    """One open file of a family; what is read of it is not compressed any more."""

    path: Path
    file: IO[bytes]
    device: int
    inode: int
    size: int
    changed: datetime
    rotated: bool
    compressed: bool

    def begins_with(self, digest: str, size: int) -> bool:
        """Tell whether the first `size` bytes have this digest."""
        head = self.file_from(0).read(size)
        return len(head) == size and digest_of(head) == digest

    def file_from(self, offset: int) -> IO[bytes]:
        """Return the content from an offset on. Raises NoFile where it is shorter."""
        if not self.compressed:
            if offset > self.size:
                raise NoFile(f"{self.path} is shorter than it was")
            self.file.seek(offset)
            return self.file
        self.file.seek(0)
        opened: Any = gzip.GzipFile(fileobj=self.file, mode="rb")
        while offset:
            skipped = opened.read(min(offset, SKIP_BYTES))
            if not skipped:
                raise NoFile(f"{self.path} is shorter than it was")
            offset -= len(skipped)
        found: IO[bytes] = opened
        return found

    def cursor(self, offset: int) -> dict[str, Any]:
        """Return how this file and this place in it are found again."""
        head = self.file_from(0).read(min(offset, HEAD_BYTES))
        return {
            "path": str(self.path),
            "device": self.device,
            "inode": self.inode,
            "offset": offset,
            "head": digest_of(head),
            "head_bytes": len(head),
            "changed": self.changed.isoformat(),
        }


def digest_of(content: bytes) -> str:
    """Return the digest as it is written everywhere."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def base_of(path: Path) -> Path:
    """Return the name of the file that was rotated into this one; its own where it was not."""
    name = path.name.removesuffix(COMPRESSED)
    found = _ROTATED.fullmatch(name)
    return path.with_name(found["base"] if found else name)


def families(globs: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Return the bases of all that the globs find, and the globs that find nothing."""
    bases: dict[Path, None] = {}
    nothing = []
    for each in globs:
        found = sorted(glob.glob(each, recursive=True))  # noqa: PTH207 - the globs are absolute, and each its own
        bases.update({_log_of(Path(path)): None for path in found if not Path(path).is_dir()})
        if not found:
            nothing.append(each)
    return list(bases), nothing


def _log_of(path: Path) -> Path:
    """Where worker-1 and worker-2 are two logs, there is no log named worker."""
    base = base_of(path)
    return base if base.exists() else path


def members_of(base: Path) -> list[Member]:
    """Open every file of the family, the oldest first. Raises OSError, NoFile. Whoever gets them closes them."""
    opened: list[Member] = []
    try:
        for path in _paths(base):
            with suppress(FileNotFoundError):
                # It was rotated between the look and now: the next name has it, or the next check.
                opened.append(_open(path, rotated=path.name != base.name))
    except BaseException:
        close(opened)
        raise
    # Rotation gives a file another name, never another place in time; of two of one tick the higher number is older.
    opened.sort(key=lambda member: (not member.rotated, member.changed, -_number(member.path)))
    return _each_once(opened)


def close(members: Sequence[Member]) -> None:
    """Close the files."""
    for member in members:
        member.file.close()


def _paths(base: Path) -> list[Path]:
    beside = [path for path in base.parent.iterdir() if path == base or base_of(path) == base]
    names = {path.name for path in beside}
    # While it is being compressed there are both; the compressed one is not whole yet.
    return sorted(path for path in beside if path.name.removesuffix(COMPRESSED) not in names - {path.name})


def _open(path: Path, *, rotated: bool) -> Member:
    # Not blocking: a named pipe would wait for whoever writes into it.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    file = os.fdopen(descriptor, "rb")
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        file.close()
        raise NoFile(f"{path} is no file")
    return Member(
        path=path,
        file=file,
        device=found.st_dev,
        inode=found.st_ino,
        size=found.st_size,
        changed=datetime.fromtimestamp(found.st_mtime, UTC),
        rotated=rotated,
        compressed=path.suffix == COMPRESSED,
    )


def _each_once(members: list[Member]) -> list[Member]:
    """One file under two names (it was renamed while we looked) is read once, under the newer place."""
    by_place = {(member.device, member.inode): member for member in members}
    kept = list(by_place.values())
    close([member for member in members if all(member is not each for each in kept)])
    return kept


def _number(path: Path) -> int:
    found = _ROTATED.fullmatch(path.name.removesuffix(COMPRESSED))
    digits = "".join(each for each in found["number"] if each.isdigit()) if found else ""
    return int(digits or 0)
