"""How an environment is restored into, by its table in interlock.toml.

[environments.stage]
restore_dsn = "env:STAGE_RESTORE_DSN"   # as whom: the role of infra/postgres/restore-role.sql; without it `dsn`
mask = "infra/mask.sql"                 # plain SQL in one transaction, before anybody else may connect again
restore_jobs = 2                        # how many tables at once
dumps = "/var/tmp"                      # where the dump lies meanwhile; it is gone afterwards
[environments.production]
dump_dsn = "env:PRODUCTION_DUMP_DSN"    # as whom it is read: the role of infra/postgres/dump-role.sql
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from interlock.runners.commands import table_of
from interlock.runners.connections import Connection, NotConfigured, connection_of

JOBS: Final = 2
JOBS_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class Restoring:
    """From where, into what, and how."""

    source: Connection
    target: Connection
    jobs: int
    dumps: Path
    mask: Path | None = None


def restoring_of(
    document: Mapping[str, Any], environment: str, source: str, *, home: Path, environ: Mapping[str, str]
) -> Restoring:
    """Return it from a parsed interlock.toml in `home`. Raises NotConfigured."""
    table, place = table_of(document, "environments", environment), f"environments.{environment}"
    jobs = table.get("restore_jobs", JOBS)
    if not isinstance(jobs, int) or isinstance(jobs, bool) or not 1 <= jobs <= JOBS_MAX:
        raise NotConfigured(f"{place}.restore_jobs", f"it is no number from 1 to {JOBS_MAX}", "write restore_jobs = 2")
    mask = table.get("mask")
    if mask is not None and (not isinstance(mask, str) or not (home / mask).is_file()):
        raise NotConfigured(f"{place}.mask", "there is no such file", 'write it as in mask = "infra/mask.sql"')
    dumps = table.get("dumps", tempfile.gettempdir())
    if not isinstance(dumps, str) or not (home / dumps).is_dir():
        raise NotConfigured(f"{place}.dumps", "there is no such directory", 'write it as in dumps = "/var/tmp"')
    return Restoring(
        connection_of(document, source, home=home, environ=environ, addresses=("dump_dsn",)),
        connection_of(document, environment, home=home, environ=environ, addresses=("restore_dsn",)),
        jobs,
        (home / dumps).resolve(),
        (home / mask).resolve() if mask is not None else None,
    )
