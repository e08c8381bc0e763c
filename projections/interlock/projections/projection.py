"""What a projection is: a set of tables, and what each event means for them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeAlias

from interlock.events.envelope import Recorded

Row: TypeAlias = tuple[Any, ...]

POSITION_MAX = 2**63 - 1
PAGE_ROWS_MAX = 500


class Connection(Protocol):
    """What a query needs of a connection: asyncpg's `fetch`, nothing else."""

    async def fetch(self, query: str, *arguments: Any) -> Sequence[Any]:
        """Return the rows of `query`; each is read by column name."""


class Write(NamedTuple):
    """One statement with its arguments ($1, $2, …), to be run once, in order."""

    statement: str
    arguments: Row


@dataclass(frozen=True, slots=True)
class Added:
    """Where a statement adds rows, so that many are copied there: its arguments are `columns` of `table`, in order.

    Of the argument at `spread`, which holds several values, each is a row of its own.
    """

    table: str
    columns: tuple[str, ...]
    spread: int | None = None

    def rows(self, arguments: Sequence[Row]) -> Sequence[Row]:
        """Return the rows that the statement adds with these arguments."""
        at = self.spread
        if at is None:
            return arguments
        return [(*row[:at], value, *row[at + 1 :]) for row in arguments for value in row[at]]


class Changes(NamedTuple):
    """What many rows of a statement come to: the arguments of one that changes what is there, and what is added then.

    Without arguments nothing changes. `added` makes the rows to add of those that the changing statement returned.
    """

    arguments: Sequence[Any]
    added: Callable[[Sequence[Any]], Sequence[Row]]


@dataclass(frozen=True, slots=True)
class Together:
    """In a statement's place, for many of its rows: with the effect of that one, run for each in order.

    The rows may be of several projects. `statement` changes what is there, then rows are copied to `target`; `changes`
    makes the arguments of the one and the rows of the other.
    """

    statement: str
    target: Added
    changes: Callable[[Sequence[Row]], Changes]


@dataclass(frozen=True, slots=True)
class Projection:
    """One question's tables and meaning.

    `tables` are the names that `schema` creates, all in `read_model`, all with the version in their names: a changed
    projection is built beside the old one. `project` is pure and must not fail on anything that was ever recorded.
    `appends` are those statements that only add rows which no other statement of `project` reads: their order among
    the others does not matter, so a page's worth of them is copied at once. `together` has for some of the others the
    one that does the same for many rows.
    """

    name: str
    version: int
    schema: str
    tables: tuple[str, ...]
    project: Callable[[Recorded[Any]], Iterable[Write]]
    appends: Mapping[str, Added] = field(default_factory=dict, compare=False)
    together: Mapping[str, Together] = field(default_factory=dict, compare=False)

    @property
    def schema_digest(self) -> str:
        """The digest of the schema, to find a table that changed under an unchanged version."""
        return "sha256:" + hashlib.sha256(self.schema.encode()).hexdigest()


def seen_at(at: int | None) -> int:
    """Return the position to look at: `at`, or the last there is."""
    return POSITION_MAX if at is None else at
