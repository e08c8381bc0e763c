"""How an environment's schema is migrated: `migrations` in the table [environments.NAME] of interlock.toml.

[environments.stage]
migrations = { kind = "sql", folder = "migrations" }        # NAME.sql, in the order of their names
migrations = { kind = "alembic", config = "alembic.ini" }   # by `alembic`, or by command = ["poetry", "run", "alembic"]
migrations = { kind = "command", folder = "migrations", command = ["./migrate.sh", "{file}"] }   # once for each file
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

from interlock.runners.commands import Configured, command_of, known_only, table_of
from interlock.runners.connections import NotConfigured

Kind = Literal["sql", "alembic", "command"]
SETTINGS: Final = {
    "sql": frozenset({"kind", "folder", "after"}),
    "alembic": frozenset({"kind", "config", "command", "version_table"}),
    "command": frozenset({"kind", "folder", "after", "command"}),
}
ALEMBIC: Final = ("alembic",)
VERSION_TABLE: Final = "alembic_version"
# As whom migrations run: the first of these that the environment's table has, else `dsn`.
MIGRATE_ADDRESSES: Final = ("migrate_dsn", "restore_dsn")


@dataclass(frozen=True, slots=True)
class Migrations:
    """The configured set: `place` is the folder, or alembic's configuration file.

    `after`: the files up to this one ran before Interlock kept its list.
    """

    kind: Kind
    place: Path
    command: Configured | None = None
    after: str | None = None
    version_table: str = VERSION_TABLE


def migrations_of(document: Mapping[str, Any], environment: str, *, home: Path) -> Migrations:
    """Return how the environment is migrated, from a parsed interlock.toml in `home`. Raises NotConfigured."""
    setting = f"environments.{environment}.migrations"
    table = table_of(document, "environments", environment).get("migrations")
    instead = 'write it as in migrations = { kind = "sql", folder = "migrations" }'
    if not isinstance(table, Mapping):
        raise NotConfigured(setting, "it is missing" if table is None else "it is no table", instead)
    kind: Kind | None = next((each for each in get_args(Kind) if each == table.get("kind")), None)
    if kind is None:
        raise NotConfigured(f"{setting}.kind", f"there is no such kind: {table.get('kind')!r}", instead)
    known_only(table, SETTINGS[kind], setting)
    place = home / _text(table, "config" if kind == "alembic" else "folder", setting, None)
    if not (place.is_file() if kind == "alembic" else place.is_dir()):
        raise NotConfigured(setting, f"there is no {place.name} here", instead)
    command = None
    if kind != "sql":
        words = table.get("command", list(ALEMBIC) if kind == "alembic" else None)
        command = command_of(words, f"{setting}.command", home)
    after = _text(table, "after", setting, "") or None
    if after is not None and not (place / after).is_file():
        raise NotConfigured(
            f"{setting}.after", f"there is no file {after} in {place.name}", "name a file of the folder"
        )
    return Migrations(kind, place, command, after, _text(table, "version_table", setting, VERSION_TABLE))


def _text(table: Mapping[str, Any], name: str, setting: str, default: str | None) -> str:
    value = table.get(name, default)
    if not isinstance(value, str) or (not value and default is None):
        raise NotConfigured(f"{setting}.{name}", "it is missing or no text", f'write it as in {name} = "migrations"')
    return value
