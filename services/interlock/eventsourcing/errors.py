"""The ledger's errors as the library's own, so that an application's handlers go on to work."""

from __future__ import annotations

from typing import Final

from eventsourcing import persistence as library

from interlock import ledger

# The first that fits; whatever is not here is a mistake of ours or a state that nobody thought of.
_NAMED: Final[tuple[tuple[type[ledger.LedgerError], type[library.PersistenceError]], ...]] = (
    (ledger.Overtaken, library.OperationalError),
    (ledger.ClockDisagrees, library.OperationalError),
    (ledger.LedgerUnavailable, library.OperationalError),
    (ledger.ReadOnlyLedger, library.OperationalError),
    (ledger.UnsafeSettings, library.OperationalError),
    (ledger.SchemaBehind, library.ProgrammingError),
    (ledger.SchemaFromFuture, library.ProgrammingError),
    (ledger.VersionGap, library.IntegrityError),
    (ledger.BatchRefused, library.DataError),
)


def as_library(error: ledger.LedgerError) -> library.PersistenceError:
    """Return what the library calls this; raise it from `error`."""
    for ours, theirs in _NAMED:
        if isinstance(error, ours):
            return theirs(str(error))
    return library.InternalError(str(error))


def conflict(stream: str, expected: int, found: int | None) -> library.IntegrityError:
    """Return the refusal of a version that is taken, or that would leave a gap; `found` is the last there is."""
    if found is None:
        return library.IntegrityError(f"{stream}: version {expected} is there twice in one call, or not in order")
    if expected <= found:
        return library.IntegrityError(f"{stream}: version {expected} is recorded already, the last one is {found}")
    return library.IntegrityError(f"{stream}: version {expected} would leave a gap after {found}")
