"""The SQL of the runners: named files beside this module, read once."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def sql(name: str) -> str:
    """Return the text of `sql/NAME.sql`."""
    return files("interlock.runners").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
