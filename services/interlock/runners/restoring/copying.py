"""The copy itself: pg_dump of one snapshot into a directory, pg_restore out of it, several tables at a time.

The directory holds the source's data: nobody but the runner's user may enter it, and it is removed whatever happens.
What a killed runner leaves, the next one here removes.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from interlock.events.catalogue.parts import Identity
from interlock.runners.connections import Connection
from interlock.runners.ending import Ending
from interlock.runners.libpq import environment_of
from interlock.runners.means import Means, run_child
from interlock.runners.restoring.configured import Restoring
from interlock.runners.restoring.failures import ToolRefused
from interlock.runners.restoring.tools import Tools

APPLICATION: Final = "interlock-restore"
PREFIX: Final = "interlock-dump-"
NAME_CHARACTERS: Final = 16
LOCK_WAIT_MILLISECONDS: Final = 60_000
DUMPING: Final = re.compile(r'dumping contents of table "(.+)"')
FILLING: Final = re.compile(r'processing data for table "(.+)"')
# A new database has these, or they belong to whoever installed the extension.
NOT_RESTORED: Final = re.compile(r"^\d+; \d+ \d+ (COMMENT - EXTENSION |SCHEMA - public )")
ITS_OWN: Final = ("interlock_adjust", "interlock_restore")
# A server whose pg_restore is gone, or cut off, notices soon, also while it builds an index.
NOTICES: Final = (
    "-c client_connection_check_interval=1s -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5"
    " -c tcp_keepalives_count=3"
)
# In which the tools say what the patterns here know.
LANGUAGE: Final = {"LC_ALL": "C", "LANGUAGE": "C"}


@dataclass(frozen=True, slots=True)
class Copying:
    """One copy, with what it needs."""

    restoring: Restoring
    tools: Tools
    means: Means
    ending: Ending

    async def dump(self, snapshot: str, directory: Path) -> None:
        """Dump what the snapshot shows. Raises ToolRefused, LeaseLost."""
        words = (
            self.tools.dump, "--format=directory", f"--jobs={self.restoring.jobs}", f"--file={directory}",
            f"--snapshot={snapshot}", "--no-publications", "--no-subscriptions", "--no-password", "--verbose",
            f"--lock-wait-timeout={LOCK_WAIT_MILLISECONDS}", *(f"--exclude-schema={name}" for name in ITS_OWN),
        )  # fmt: skip
        await self._run("pg_dump", words, self.restoring.source, DUMPING, "read")

    async def restore(self, directory: Path) -> None:
        """Put it into the emptied database. Raises ToolRefused, LeaseLost."""
        wanted = directory.with_suffix(".list")
        wanted.write_text("\n".join(await self._contents(directory)) + "\n", encoding="utf-8")
        environ = environment_of(self.restoring.target, self.means.environ, application=APPLICATION)
        words = (
            self.tools.restore, "--format=directory", f"--jobs={self.restoring.jobs}", "--no-owner", "--no-acl",
            "--no-publications", "--no-subscriptions", "--exit-on-error", "--no-password", "--verbose",
            f"--use-list={wanted}", f"--dbname=dbname={_quoted(environ['PGDATABASE'])}", str(directory),
        )  # fmt: skip
        await self._run("pg_restore", words, self.restoring.target, FILLING, "filled")

    async def _contents(self, directory: Path) -> list[str]:
        lines: list[str] = []
        means = replace(self.means, told=lines.append)
        words = (self.tools.restore, "--list", "--format=directory", str(directory))
        ended = await run_child(words, directory.parent, {**self.means.environ, **LANGUAGE}, means, self.ending)
        if ended.code != 0:
            raise ToolRefused("pg_restore", ended.how, ended.tail.decode(errors="replace"))
        return [line for line in lines if not NOT_RESTORED.match(line)]

    async def _run(
        self, tool: str, words: tuple[str, ...], connection: Connection, table: re.Pattern[str], done: str
    ) -> None:
        count = 0

        def tell(line: str) -> None:
            nonlocal count
            match = table.search(line)
            if match is not None:
                count += 1
                self.means.told(f"{count:>4}  {match[1]} is {done}")

        environ = environment_of(connection, self.means.environ, application=APPLICATION) | LANGUAGE
        if connection is self.restoring.target:
            environ["PGOPTIONS"] = f"{environ.get('PGOPTIONS', '')} {NOTICES}".strip()
        ended = await run_child(words, self.restoring.dumps, environ, replace(self.means, told=tell), self.ending)
        if ended.code != 0:
            raise ToolRefused(f"{tool} ({connection.environment})", ended.how, ended.tail.decode(errors="replace"))


def _quoted(name: str) -> str:
    """Return a value as libpq reads it in a list of settings."""
    escaped = name.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


@contextmanager
def dump_directory(dumps: Path, target: Identity) -> Iterator[Path]:
    """Lend a directory's name below a private one, and remove what an earlier runner left of this target.

    Whoever asks holds the target's lock, so that nobody else's is in use.
    """
    name = hashlib.sha256(f"{target.system_identifier}/{target.database}".encode()).hexdigest()[:NAME_CHARACTERS]
    prefix = f"{PREFIX}{name}-"
    for left in dumps.glob(f"{prefix}*"):
        shutil.rmtree(left, ignore_errors=True)
    private = Path(tempfile.mkdtemp(prefix=prefix, dir=dumps))
    try:
        yield private / "dump"
    finally:
        shutil.rmtree(private, ignore_errors=True)
