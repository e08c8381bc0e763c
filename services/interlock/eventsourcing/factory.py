"""Which recorders an application gets, by its environment."""

from __future__ import annotations

import re
from types import TracebackType
from typing import Final
from urllib.parse import quote, urlencode

from eventsourcing import persistence as library
from eventsourcing import postgres
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.utils import Environment, EnvType

from interlock.events.foreign import PREFIX
from interlock.eventsourcing.recorders import LedgerAggregateRecorder, LedgerApplicationRecorder, LedgerProcessRecorder
from interlock.eventsourcing.store import Store

PROJECT: Final = "INTERLOCK_PROJECT"
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
# The ledger's own tables are made by its migrations. This schema is the application's to make tables in: snapshots and
# tracked positions can be lost and made again.
SCHEMA: Final = "snapshot"
EVENTS: Final = "events"


class InterlockFactory(postgres.PostgresFactory):
    """Events go to Interlock's ledger; snapshots and tracked positions to the library's own tables beside it.

    It takes the settings of the library's own PostgreSQL module (POSTGRES_DBNAME, _HOST, _PORT, _USER, _PASSWORD, …),
    and INTERLOCK_PROJECT: the project is `es:INTERLOCK_PROJECT.NAME`, or `es:NAME`, of an application NAME.
    """

    def __init__(self, env: Environment | EnvType | None) -> None:
        """Read the environment, connect to nothing. Raises OSError (the library's way) for what is missing."""
        super().__init__(env)
        if self.env.get(self.POSTGRES_GET_PASSWORD_TOPIC):
            raise OSError(f"{self.POSTGRES_GET_PASSWORD_TOPIC}: this module takes {self.POSTGRES_PASSWORD} only")
        if not self.env.get(self.POSTGRES_SCHEMA):
            self.datastore.schema = SCHEMA
        # As the library's tables have the application's name in theirs, so that no two applications share a log.
        parts = [part for part in (self.env.get(PROJECT), self.env.name) if part] or ["application"]
        for part in parts:
            if not NAME.fullmatch(part):
                raise OSError(f"{PROJECT}: letters, digits and ._+- are a name, at most 64 of them, not {part!r}")
        self.store = Store(self._dsn(), PREFIX + ".".join(parts), parts[-1])

    def aggregate_recorder(self, purpose: str = EVENTS) -> library.AggregateRecorder:
        """Return the ledger's for events, the library's own for anything else, which is snapshots."""
        if purpose != EVENTS:
            return super().aggregate_recorder(purpose)
        self._check()
        return LedgerAggregateRecorder(self.store)

    def application_recorder(self) -> library.ApplicationRecorder:
        """Return the ledger's."""
        self._check()
        return LedgerApplicationRecorder(self.store)

    def process_recorder(self) -> library.ProcessRecorder:
        """Return the ledger's, with positions in the library's own table."""
        self._check()
        return LedgerProcessRecorder(self.store, self.tracking_recorder(PostgresTrackingRecorder))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.store.close()
        super().__exit__(kind, error, trace)

    def close(self) -> None:
        """Give up all connections."""
        store = getattr(self, "store", None)
        if store is not None:
            store.close()
        super().close()

    def _check(self) -> None:
        """Find out at the start what would be wrong at the first event; CREATE_TABLE=no leaves it until then."""
        if self.env_create_table():
            self.store.check()

    def _dsn(self) -> str:
        asked = self.datastore.pool.kwargs
        assert isinstance(asked, dict)
        who = quote(asked["user"], safe="")
        if asked["password"]:
            who += ":" + quote(asked["password"], safe="")
        where = urlencode({"host": asked["host"], "port": asked["port"]})
        return f"postgresql://{who}@/{quote(asked['dbname'], safe='')}?{where}"
