"""Interlock's ledger as a module of the `eventsourcing` library: PERSISTENCE_MODULE=interlock.eventsourcing.

An application of that library gets group commit, positions without gaps, a feed and Kafka, and is not changed for it.
See docs/EVENTSOURCING.md.
"""

from interlock.eventsourcing.factory import InterlockFactory

__all__ = ["InterlockFactory"]
