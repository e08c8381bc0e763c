"""What can go wrong between a writer and its ledger, named for the situation."""

from __future__ import annotations

from typing import Final


class LedgerError(Exception):
    """something went wrong with the ledger"""

    def __init__(self, detail: str = "") -> None:
        """Say the docstring, and `detail` where there is one."""
        meaning = " ".join((type(self).__doc__ or "").split())
        super().__init__(f"{meaning}: {detail}" if detail else meaning)
        self.detail = detail


class Overtaken(LedgerError):
    """somebody else appended first: read the news, look up the command ids, decide again"""


class ClockDisagrees(LedgerError):
    """the batch's time is not the ledger's: stamp it again with the ledger's clock"""


class LedgerUnavailable(LedgerError):
    """the ledger cannot be reached"""

    unknown_outcome = False
    """Whether what was sent may have been recorded: only a look at the command ids tells."""


class OutcomeUnknown(LedgerUnavailable):
    """the connection was lost or too slow: the batch may be recorded, its command ids tell"""

    unknown_outcome = True


class LedgerDamaged(LedgerUnavailable):
    """the database finds its own files damaged, so nothing is decided: look at the disk, and restore a backup"""


class ReadOnlyLedger(LedgerError):
    """the ledger takes no events now: it is a standby, or is being restored"""


class BatchRefused(LedgerError):
    """the ledger refuses the batch as wrong, however often it is sent"""


class ColumnsDiffer(BatchRefused):
    """a row's columns differ from its bytes, or a command's events do not stand together"""


class VersionGap(BatchRefused):
    """a stream's versions would have a gap"""


class Unchangeable(BatchRefused):
    """what is recorded is never changed"""


class NotATestDatabase(LedgerError):
    """the clock can be set only in a database that was created as a test database"""


class TestClockGoesBack(LedgerError):
    """the test clock never goes back"""

    __test__ = False  # pytest: a name, not a test class


class UnsafeSettings(LedgerError):
    """the server may lose what it acknowledged, so nothing is acknowledged"""


class SchemaFromFuture(LedgerError):
    """the database was made by a newer version of Interlock"""


class SchemaBehind(LedgerError):
    """the database needs its migrations first"""


class ChecksumChanged(LedgerError):
    """a migration that was already applied is not the one that was applied"""


BY_SQLSTATE: Final[dict[str, type[LedgerError]]] = {
    # The triggers' own, see migrations/0003_guards.sql.
    "IL001": Overtaken,
    "IL002": ClockDisagrees,
    "IL003": ColumnsDiffer,
    "IL004": VersionGap,
    "IL005": Unchangeable,
    "IL006": ReadOnlyLedger,
    "IL007": NotATestDatabase,
    "IL008": TestClockGoesBack,
    "IL010": UnsafeSettings,
    # Which constraint a unique violation names depends on the order of the indexes: they all mean the same.
    "23505": Overtaken,
    "25006": ReadOnlyLedger,
    "55P03": LedgerUnavailable,
    "57P03": LedgerUnavailable,
    "40003": OutcomeUnknown,
    # The server stopped, or was told to stop the statement, at a moment that nobody can tell from here.
    "57014": OutcomeUnknown,
    "57P01": OutcomeUnknown,
    "57P02": OutcomeUnknown,
    "57P05": OutcomeUnknown,
    "58030": OutcomeUnknown,
    "XX000": OutcomeUnknown,
    # A page or an index is not as it was written: the statement left nothing, and so will the next one.
    "XX001": LedgerDamaged,
    "XX002": LedgerDamaged,
}
"""What an SQLSTATE means for a writer, where its class does not say it."""

BY_CLASS: Final[dict[str, type[LedgerError]]] = {
    "08": OutcomeUnknown,
    "28": LedgerUnavailable,  # this role, or this way to authenticate, is not let in
    "3D": LedgerUnavailable,  # no such database
    "40": Overtaken,  # a deadlock: the statement left nothing, and somebody else went on
    "53": LedgerUnavailable,  # no disk, memory or connections: the statement left nothing
}
"""What the first two characters of an SQLSTATE mean for a writer; everything else is a BatchRefused."""


def named(sqlstate: str | None, message: str, detail: str | None) -> LedgerError:
    """Return the situation that `sqlstate` (five characters) stands for, to be raised."""
    said = f"{message} ({detail})" if detail else message
    if sqlstate is None:
        return OutcomeUnknown(said)
    return (BY_SQLSTATE.get(sqlstate) or BY_CLASS.get(sqlstate[:2], BatchRefused))(said)
