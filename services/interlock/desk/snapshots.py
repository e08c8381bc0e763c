"""Snapshots: the fold of a project's log, kept so that a cold start reads only what came after."""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING, Final

from interlock.desk.memory import Memory
from interlock.ledger import LedgerError

if TYPE_CHECKING:
    from interlock.desk.reading import Ledger
    from interlock.desk.rules import Rules

SNAPSHOT_EVENTS: Final = 1_000
"""So many events after a snapshot, the next one is stored; a cold start folds at most about as many."""
KIND: Final = "situation"

log = logging.getLogger(__name__)


class BrokenSnapshot(ValueError):
    """a snapshot that was not read as it was written, or that another log's fold is"""


def seal(dump: bytes, last_body: bytes) -> bytes:
    """Return `dump` with the digests of itself and of the last event that went into it."""
    return f"{_digest(dump)} {_digest(last_body)}\n".encode() + dump


def unseal(sealed: bytes, last_body: bytes) -> bytes:
    """Return the dump. Raises BrokenSnapshot where it, or the log behind it, is another."""
    head, separator, dump = sealed.partition(b"\n")
    if not separator or head.decode(errors="replace") != f"{_digest(dump)} {_digest(last_body)}":
        raise BrokenSnapshot(BrokenSnapshot.__doc__)
    return dump


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


async def store(ledger: Ledger, project: str, memory: Memory, rules: Rules) -> int:
    """Keep what `memory` holds now and return its position; where that fails, the next one will do.

    A crash before leaves the snapshot before, and a longer fold at the next start.
    """
    position = memory.position
    sealed = seal(rules.dump(memory.situation), memory.last_body)
    try:
        await ledger.store_snapshot(project, KIND, rules.snapshot_version, position, sealed)
    except LedgerError as error:
        log.warning("the snapshot of %s at %d was not stored: %s", project, position, error)
    return position


async def load(ledger: Ledger, project: str, rules: Rules) -> Memory:
    """Return a memory as the newest usable snapshot left it, an empty one without; the news is still to be read.

    A snapshot of another version is not looked at; one that is broken, or folded from a log that this one is not
    (restored from an older backup, say), is logged and ignored.
    """
    found = await ledger.load_snapshot(project, KIND, rules.snapshot_version)
    if found is None:
        return Memory(rules)
    position, sealed = found
    last = await ledger.read(project, after=position - 1, limit=1)
    try:
        if not last:
            raise BrokenSnapshot("the log ends before it")
        situation = rules.load(unseal(sealed, last[0].body))
    except Exception as error:
        log.warning("the snapshot of %s at %d is ignored, all its events are read: %s", project, position, error)
        return Memory(rules)
    return Memory(
        rules, situation=situation, position=position, recorded_at=last[0].recorded_at, last_body=last[0].body
    )
