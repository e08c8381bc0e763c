"""The one durable server that all contenders share, and the settings under which they run."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs, urlsplit

import asyncpg

from interlock.ledger.embedded import Dsns, EmbeddedPostgres
from interlock.ledger.migrate import create_database

REPOSITORY = Path(__file__).parents[2]
OTHERS = "bench_others"


@dataclass(slots=True)
class Place:
    """A running server with fsync on, a directory on the same disk, and how long and how often is measured."""

    postgres: EmbeddedPostgres
    home: Path
    rounds: int
    seconds: float
    scale: float
    _names: Iterator[int] = field(default_factory=lambda: count(1))

    def ledger(self) -> Dsns:
        """Make a fresh ledger: no contender meets the rows of another."""
        return asyncio.run(self.postgres.prepare(f"bench_{next(self._names)}"))

    def empty(self) -> str:
        """Make an empty database; return its address as the superuser."""
        name = f"{OTHERS}_{next(self._names)}"
        asyncio.run(create_database(self.postgres.dsn(), name))
        return self.postgres.dsn(database=name)

    def sized(self, number: int) -> int:
        """Return how many of something a full run has, for a smaller run fewer."""
        return max(10, int(number * self.scale))

    def environment(self, dsn: str, module: str, callers: int) -> dict[str, str]:
        """The library's settings for a database and a persistence module."""
        parts = urlsplit(dsn)
        where = {name: values[0] for name, values in parse_qs(parts.query).items()}
        return {
            "PERSISTENCE_MODULE": module,
            "POSTGRES_DBNAME": parts.path[1:],
            "POSTGRES_HOST": where["host"],
            "POSTGRES_PORT": where["port"],
            "POSTGRES_USER": parts.username or "",
            "POSTGRES_PASSWORD": "",
            "POSTGRES_POOL_SIZE": str(min(callers, 32)),
            "POSTGRES_MAX_OVERFLOW": "8",
            "AGGREGATE_CACHE_MAXSIZE": "10000",
        }


@contextmanager
def place(*, rounds: int, seconds: float, scale: float) -> Iterator[Place]:
    """Start the server on a real disk; end it with everything in it."""
    with TemporaryDirectory(prefix="interlock-bench-", dir=REPOSITORY / ".bench" if _made() else None) as home:
        postgres = EmbeddedPostgres(Path(home) / "server")
        postgres.start()
        try:
            yield Place(postgres, Path(home), rounds, seconds, scale)
        finally:
            postgres.stop()


def _made() -> bool:
    """Beside the sources, because a temporary directory may lie in memory, where fsync costs nothing."""
    (REPOSITORY / ".bench").mkdir(exist_ok=True)
    return True


async def durable(dsn: str) -> str:
    """Return what the server says of itself; refuse one that may lose what it acknowledged."""
    connection = await asyncpg.connect(dsn)
    said = {
        name: await connection.fetchval(f"show {name}") for name in ("server_version", "fsync", "synchronous_commit")
    }
    await connection.close()
    if "off" in said.values():
        raise SystemExit(f"this server is not durable: {said}")
    return ", ".join(f"{name} {value}" for name, value in said.items())


def python(module: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start a module as a process of its own, from the repository."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
