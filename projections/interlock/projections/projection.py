"""What a projection is: a set of tables, and what each event means for them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from interlock.events.envelope import Recorded

POSITION_MAX = 2**63 - 1
PAGE_ROWS_MAX = 500


class Connection(Protocol):
    """What a query needs of a connection: asyncpg's `fetch`, nothing else."""

    async def fetch(self, query: str, *arguments: Any) -> Sequence[Any]:
        """Return the rows of `query`; each is read by column name."""


@dataclass(frozen=True, slots=True)
class Write:
    """One statement with its arguments ($1, $2, …), to be run once, in order."""

    statement: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Projection:
    """One question's tables and meaning.

    `tables` are the names that `schema` creates, all in `read_model`, all with the version in their names: a changed
    projection is built beside the old one. `project` is pure and must not fail on anything that was ever recorded.
    `appends` are those statements that only add rows which no other statement of `project` reads: their order among
    the others does not matter, so a page's worth of them runs at once.
    """

    name: str
    version: int
    schema: str
    tables: tuple[str, ...]
    project: Callable[[Recorded[Any]], Iterable[Write]]
    appends: frozenset[str] = frozenset()

    @property
    def schema_digest(self) -> str:
        """The digest of the schema, to find a table that changed under an unchanged version."""
        return "sha256:" + hashlib.sha256(self.schema.encode()).hexdigest()


def seen_at(at: int | None) -> int:
    """Return the position to look at: `at`, or the last there is."""
    return POSITION_MAX if at is None else at
