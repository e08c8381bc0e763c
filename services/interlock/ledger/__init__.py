"""The ledger: per project one ordered log without gaps, fenced, in PostgreSQL. It knows bytes, never meanings."""

from interlock.ledger.errors import (
    BatchRefused,
    ChecksumChanged,
    ClockDisagrees,
    ColumnsDiffer,
    LedgerDamaged,
    LedgerError,
    LedgerUnavailable,
    NotATestDatabase,
    OutcomeUnknown,
    Overtaken,
    ReadOnlyLedger,
    SchemaBehind,
    SchemaFromFuture,
    TestClockGoesBack,
    Unchangeable,
    UnsafeSettings,
    VersionGap,
)
from interlock.ledger.ledger import Ledger
from interlock.ledger.news import LOOK_SECONDS, Movable, News
from interlock.ledger.rows import Answer, Ends, Head, Row, Stored
from interlock.ledger.session import BATCH_EVENTS_MAX, BODY_BYTES_MAX, READ_EVENTS_MAX, Session, Turn
from interlock.ledger.subscription import Changes, Subscription

__all__ = [
    "BATCH_EVENTS_MAX",
    "BODY_BYTES_MAX",
    "LOOK_SECONDS",
    "READ_EVENTS_MAX",
    "Answer",
    "BatchRefused",
    "Changes",
    "ChecksumChanged",
    "ClockDisagrees",
    "ColumnsDiffer",
    "Ends",
    "Head",
    "Ledger",
    "LedgerDamaged",
    "LedgerError",
    "LedgerUnavailable",
    "Movable",
    "News",
    "NotATestDatabase",
    "OutcomeUnknown",
    "Overtaken",
    "ReadOnlyLedger",
    "Row",
    "SchemaBehind",
    "SchemaFromFuture",
    "Session",
    "Stored",
    "Subscription",
    "TestClockGoesBack",
    "Turn",
    "Unchangeable",
    "UnsafeSettings",
    "VersionGap",
]
