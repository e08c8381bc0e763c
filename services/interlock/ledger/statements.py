"""SQL by name: each statement stands in its own file in `sql/`, each migration in `migrations/`."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


@cache
def sql(name: str) -> str:
    """Return the statement in `sql/NAME.sql`."""
    return files("interlock.ledger").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


def migration_files() -> list[Traversable]:
    """Return the `.sql` files of `migrations/` in order of their names."""
    found = files("interlock.ledger").joinpath("migrations").iterdir()
    return sorted((file for file in found if file.name.endswith(".sql")), key=lambda file: file.name)
