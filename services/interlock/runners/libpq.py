"""A database's address for a child process: as environment variables of libpq, never as words that `ps` shows.

`pg_dump`, `psql`, psycopg and asyncpg read them all alike. What could lead a child to another database than the one
that was looked at (PGSERVICE, an address with several servers) is taken out or refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from interlock.runners.connections import Connection, NotConfigured
from interlock.runners.environ import child_environ

# These would choose the server for whatever the address leaves open.
CHOOSERS: Final = ("PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGSERVICE", "PGSERVICEFILE", "PGTARGETSESSIONATTRS")
PORT: Final = "5432"
# What an address may say besides; libpq has a variable for each.
PARAMETERS: Final = {
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "sslcrl": "PGSSLCRL",
    "passfile": "PGPASSFILE",
    "options": "PGOPTIONS",
    "channel_binding": "PGCHANNELBINDING",
    "gssencmode": "PGGSSENCMODE",
    "krbsrvname": "PGKRBSRVNAME",
    "connect_timeout": "PGCONNECT_TIMEOUT",
}


def environment_of(connection: Connection, environ: Mapping[str, str], *, application: str) -> dict[str, str]:
    """Return the child's environment, in which this database is the default. Raises NotConfigured.

    The address must name one server and a database: what it left open, a child might fill in differently.
    """
    found = {name: value for name, value in child_environ(environ).items() if name not in CHOOSERS}
    setting, instead = f"environments.{connection.environment}.dsn", "write it as postgresql://USER@HOST:PORT/DATABASE"
    unclear = NotConfigured(setting, "the address does not name one server and a database", instead)
    try:
        parts = urlsplit(connection.dsn)
        named = dict(parse_qsl(parts.query))
        port = named.pop("port", "") or str(parts.port or PORT)
    except ValueError:
        raise unclear from None
    host = named.pop("host", "") or unquote(parts.hostname or "")
    database = named.pop("dbname", named.pop("database", "")) or unquote(parts.path.lstrip("/"))
    user = named.pop("user", "") or unquote(parts.username or "")
    password = named.pop("password", "") or unquote(parts.password or "")
    named.pop("application_name", None)
    if not host or not database or "," in host + port:
        raise unclear
    for name, value in named.items():
        if name not in PARAMETERS:
            raise NotConfigured(
                setting, f"the address says {name}, which child processes cannot be told", "leave it out"
            )
        found[PARAMETERS[name]] = value
    found |= {"PGHOST": host, "PGPORT": port, "PGDATABASE": database, "PGAPPNAME": application}
    found |= {name: value for name, value in (("PGUSER", user), ("PGPASSWORD", password)) if value}
    return found
