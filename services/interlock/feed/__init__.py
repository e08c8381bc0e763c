"""Events in order after a position: from the ledger, or from Kafka (`interlock.feed.from_kafka` has its client)."""

from interlock.feed.feed import PAGE_EVENTS_MAX, Feed, Page, Reassigned, Source, Unreadable
from interlock.feed.from_ledger import LedgerFeed

__all__ = [
    "PAGE_EVENTS_MAX",
    "Feed",
    "LedgerFeed",
    "Page",
    "Reassigned",
    "Source",
    "Unreadable",
]
