"""Where an environment's database is, and what belongs to it: the tables `[environments.NAME]` of interlock.toml.

[environments.production]
dsn = "env:PRODUCTION_ADJUST_DSN"    # or "file:PATH": a reference to a secret, never the secret
backups = "/var/lib/interlock"       # where the rows that an adjustment touches are kept as they were
log = "/var/log/postgresql"          # PostgreSQL's directory of json logs, where writes are watched
writers = ["shop"]                   # the login roles that the application writes with
runner = "interlock_adjust"          # the login role that adjustments use
dump_dsn = "env:PRODUCTION_DUMP_DSN" # as whom restores elsewhere read it; so without it: `dsn`
restore_dsn = "env:…"                # as whom data is restored into it
migrate_dsn = "env:…"                # as whom migrations run there; without it `restore_dsn`, then `dsn`
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

RUNNER_ROLE: Final = "interlock_adjust"
SECRETS_IN_QUERY: Final = ("password", "sslpassword")


class NotConfigured(ValueError):
    """interlock.toml does not say where the environment is, or says it in a way that is not accepted"""

    def __init__(self, setting: str, what: str, instead: str) -> None:
        """`setting` is its name in the file; none of the three ever holds an address."""
        super().__init__(f"{setting}: {what}; {instead}")
        self.setting = setting
        self.what = what
        self.instead = instead


@dataclass(frozen=True, slots=True)
class Connection:
    """One environment as the runners see it. The address may hold a password: it is never shown."""

    environment: str
    dsn: str = field(repr=False)
    backups: Path | None = None
    log: Path | None = None
    writers: tuple[str, ...] = ()
    runner: str = RUNNER_ROLE


def connection_of(
    document: Mapping[str, Any],
    environment: str,
    *,
    home: Path,
    environ: Mapping[str, str],
    addresses: tuple[str, ...] = (),
) -> Connection:
    """Return the connection of `environment` from a parsed interlock.toml in the directory `home`.

    Its address is the first of the settings `addresses` that there is, else `dsn`. Raises NotConfigured. Relative paths
    are meant from `home`.
    """
    tables = document.get("environments")
    table = tables.get(environment) if isinstance(tables, Mapping) else None
    place = f"environments.{environment}"
    if not isinstance(table, Mapping):
        raise NotConfigured(place, "it is missing", f'add [{place}] with dsn = "env:NAME" to interlock.toml')
    name = next((each for each in addresses if each in table), "dsn")
    return Connection(
        environment=environment,
        dsn=_secret(table.get(name), f"{place}.{name}", home=home, environ=environ),
        backups=_path(table.get("backups"), f"{place}.backups", home),
        log=_path(table.get("log"), f"{place}.log", home),
        writers=_names(table.get("writers", []), f"{place}.writers"),
        runner=_name(table.get("runner", RUNNER_ROLE), f"{place}.runner"),
    )


def _secret(reference: object, setting: str, *, home: Path, environ: Mapping[str, str]) -> str:
    instead = 'name a secret: "env:NAME" or "file:PATH"'
    if not isinstance(reference, str):
        raise NotConfigured(setting, "it is missing or no text", instead)
    kind, _, place = reference.partition(":")
    if kind == "env":
        if not environ.get(place):
            raise NotConfigured(setting, f"the environment has no variable {place}", f"set {place}")
        return environ[place]
    if kind == "file":
        try:
            return (home / place).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as missing:
            raise NotConfigured(setting, f"{place} cannot be read", "put the address into that file") from missing
    try:
        parts = urlsplit(reference)
        secret = parts.password is not None or any(name in parse_qs(parts.query) for name in SECRETS_IN_QUERY)
    except ValueError:
        raise NotConfigured(setting, "it is no address", instead) from None
    if parts.scheme not in {"postgres", "postgresql"}:
        raise NotConfigured(setting, "it is no address of PostgreSQL", instead)
    if secret:
        raise NotConfigured(setting, "the file holds a password", instead)
    return reference


def _path(value: object, setting: str, home: Path) -> Path | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        raise NotConfigured(setting, "it is no path", 'write it as in backups = "/var/lib/interlock"')
    return (home / value).resolve()


def _name(value: object, setting: str) -> str:
    if not isinstance(value, str) or not value:
        raise NotConfigured(setting, "it is no name", f'write it as in runner = "{RUNNER_ROLE}"')
    return value


def _names(value: object, setting: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise NotConfigured(setting, "it is no list of names", 'write it as in writers = ["shop"]')
    return tuple(_name(each, setting) for each in value)
