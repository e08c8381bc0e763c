"""A read model of the library's own kind, as its documentation writes one: counters, with their position."""

from __future__ import annotations

from typing import Any

from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from eventsourcing.tests.projection import EventCountersView
from psycopg.sql import SQL, Identifier

CREATED = "CREATED"
SUBSEQUENT = "SUBSEQUENT"


class PostgresEventCounters(PostgresTrackingRecorder, EventCountersView):
    """Counts created and subsequent events."""

    def __init__(self, datastore: PostgresDatastore, **kwargs: Any) -> None:
        super().__init__(datastore, **kwargs)
        self.table = f"{self.tracking_table_name}_counters"
        where = (Identifier(self.datastore.schema), Identifier(self.table))
        create = SQL("create table if not exists {0}.{1} (counter_name text primary key, counter bigint)")
        self.sql_create_statements.append(create.format(*where))
        self.selected = SQL("select counter from {0}.{1} where counter_name = %s").format(*where)
        self.increased = SQL(
            "insert into {0}.{1} as known values (%s, 1)"
            " on conflict (counter_name) do update set counter = known.counter + 1"
        ).format(*where)

    def get_created_event_counter(self) -> int:
        return self._get(CREATED)

    def get_subsequent_event_counter(self) -> int:
        return self._get(SUBSEQUENT)

    def incr_created_event_counter(self, tracking: Tracking) -> None:
        self._increase(CREATED, tracking)

    def incr_subsequent_event_counter(self, tracking: Tracking) -> None:
        self._increase(SUBSEQUENT, tracking)

    def _get(self, name: str) -> int:
        with self.datastore.transaction(commit=False) as cursor:
            cursor.execute(self.selected, (name,))
            row = cursor.fetchone()
            return row["counter"] if row else 0

    def _increase(self, name: str, tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(self.increased, (name,))
