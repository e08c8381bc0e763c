"""The module's own questions to the ledger, by name: each stands in its own file in `sql/`."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def sql(name: str) -> str:
    """Return the statement in `sql/NAME.sql`."""
    return files("interlock.eventsourcing").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
