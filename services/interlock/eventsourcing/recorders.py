"""The library's recorders over the ledger: what it asks of a store, in its words."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event
from typing import Any, Final
from uuid import UUID

import asyncpg
import orjson
from eventsourcing import persistence as library
from eventsourcing.persistence import Notification, StoredEvent, Tracking
from eventsourcing.postgres import PostgresTrackingRecorder

from interlock.events.foreign import state_of
from interlock.eventsourcing.calls import stream_of
from interlock.eventsourcing.store import Store
from interlock.eventsourcing.subscription import LedgerSubscription

VERSION_MIN: Final = 1
VERSION_MAX: Final = 2**63 - 1


class LedgerAggregateRecorder(library.AggregateRecorder):
    """Inserts and selects an application's events, stream by stream."""

    def __init__(self, store: Store) -> None:
        """Work on the project of `store`."""
        self._store = store

    def insert_events(self, stored_events: Sequence[StoredEvent], **_kwargs: Any) -> Sequence[int] | None:
        """Record the events, all of them or none. Raises IntegrityError, DataError, OperationalError."""
        if stored_events:
            self._store.insert(stored_events)
        return None

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """Return a stream's events with `gt` < version <= `lte`, in order of version or from the last."""
        stream, _ = stream_of(originator_id)
        after, up_to = VERSION_MIN - 1, VERSION_MAX
        if gt is not None or lte is not None:
            begins = self._begins(stream)
            if begins is None:
                return []
            after = after if gt is None else gt - begins + 1
            up_to = up_to if lte is None else lte - begins + 1
        statement = "events_backwards" if desc else "events_forwards"
        return [_stored(row) for row in self._store.rows(statement, stream, after, up_to, limit)]

    def _begins(self, stream: str) -> int | None:
        """Return with which version the stream begins, None where there is no such stream."""
        known = self._store.known(stream)
        if known is not None:
            return known
        first = self._store.rows("events_forwards", stream, VERSION_MIN - 1, VERSION_MIN, 1)
        return _stored(first[0]).originator_version if first else None


class LedgerApplicationRecorder(LedgerAggregateRecorder, library.ApplicationRecorder):
    """The same, with the positions in the whole log: they have no gaps and become visible in order."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **_kwargs: Any) -> Sequence[int] | None:
        """Record the events, all of them or none; return their positions."""
        return self._store.insert(stored_events) if stored_events else None

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Return the events at positions from `start` (or after it) to `stop`, in order."""
        first = 1 if start is None else start if inclusive_of_start else start + 1
        last = VERSION_MAX if stop is None else stop
        if topics:
            rows = self._store.rows("notifications_of_topics", first, last, limit, list(topics))
        else:
            rows = self._store.rows("notifications", first, last, limit)
        return [_notification(row) for row in rows]

    def max_notification_id(self) -> int | None:
        """Return the last position, None where there is no event."""
        return self._store.head().position or None

    def subscribe(
        self, gt: int | None = None, topics: Sequence[str] = ()
    ) -> library.Subscription[library.ApplicationRecorder]:
        """Return an iterator over the events after `gt`, which waits for those to come."""
        return LedgerSubscription(self, self._store, gt=gt, topics=topics)


class LedgerProcessRecorder(LedgerApplicationRecorder, library.ProcessRecorder):
    """The same, together with the positions of other applications that it has come to: events and position are one."""

    def __init__(self, store: Store, tracking: PostgresTrackingRecorder) -> None:
        """Keep positions in the table of the library's own recorder."""
        super().__init__(store)
        self._tracking = tracking

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Record the events and `tracking`, both or neither."""
        tracking: Tracking | None = kwargs.get("tracking")
        if stored_events:
            table = (self._tracking.datastore.schema, self._tracking.tracking_table_name)
            return self._store.insert(stored_events, tracking, table)
        if tracking is not None:
            self._tracking.insert_tracking(tracking)
        return None

    def insert_tracking(self, tracking: Tracking) -> None:
        """Record a position alone."""
        self._tracking.insert_tracking(tracking)

    def max_tracking_id(self, application_name: str) -> int | None:
        """Return the last position that was recorded for the application."""
        found: int | None = self._tracking.max_tracking_id(application_name)
        return found

    def has_tracking_id(self, application_name: str, notification_id: int | None) -> bool:
        """Tell whether that position, or a later one, was recorded."""
        found: bool = self._tracking.has_tracking_id(application_name, notification_id)
        return found

    def wait(
        self,
        application_name: str,
        notification_id: int | None,
        timeout: float = 1.0,
        interrupt: Event | None = None,
    ) -> None:
        """Return when it is; raise TimeoutError, WaitInterruptedError."""
        self._tracking.wait(application_name, notification_id, timeout, interrupt)


def _fields(row: asyncpg.Record) -> dict[str, Any]:
    data = orjson.loads(row["body"])["data"]
    return {
        "originator_id": UUID(row["stream"]) if data["id_type"] == "uuid" else row["stream"],
        "originator_version": data["originator_version"],
        "topic": row["type"],
        "state": state_of(data),
    }


def _stored(row: asyncpg.Record) -> StoredEvent:
    return StoredEvent(**_fields(row))


def _notification(row: asyncpg.Record) -> Notification:
    return Notification(**_fields(row), id=row["position"])
