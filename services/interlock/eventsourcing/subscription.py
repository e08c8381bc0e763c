"""A subscription: pages in order after a position, then whatever comes."""

from __future__ import annotations

from collections.abc import Sequence

from eventsourcing.persistence import ApplicationRecorder, ListenNotifySubscription

from interlock.eventsourcing.store import Store


class LedgerSubscription(ListenNotifySubscription[ApplicationRecorder]):
    """The library's own, woken by the ledger. The position leads: a notification that is lost costs two seconds."""

    def __init__(
        self, recorder: ApplicationRecorder, store: Store, gt: int | None = None, topics: Sequence[str] = ()
    ) -> None:
        """Begin after `gt`."""
        super().__init__(recorder=recorder, gt=gt, topics=topics)
        self._store = store
        store.wake(self._has_been_notified)

    def stop(self) -> None:
        """End it, from any thread."""
        super().stop()
        # The thread that pulls may end it before it is wholly made.
        store = getattr(self, "_store", None)
        if store is not None:
            store.let_sleep(self._has_been_notified)
