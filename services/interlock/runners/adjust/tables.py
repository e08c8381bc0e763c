"""The tables that may be touched, and how many rows of each the open transaction touched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from interlock.runners.adjust.failures import OutsideTargets, UnexpectedRows, UnfitTarget
from interlock.runners.adjust.sessions import Connection
from interlock.runners.statements import sql

PARTITIONED: Final = "p"
ORDINARY: Final = "r"
OWN: Final = frozenset({"interlock_adjust.marker", "interlock_adjust.outcome"})


@dataclass(frozen=True, slots=True)
class Targets:
    """`read` is FROM what the rows are read, and what is locked; `allowed` are all the tables that may change."""

    read: tuple[str, ...]
    allowed: frozenset[int]


@dataclass(frozen=True, slots=True)
class Touches:
    """How many rows were inserted, updated and deleted since the transaction began."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0

    @property
    def rows(self) -> int:
        """All together: a row that was changed twice counts twice."""
        return self.inserted + self.updated + self.deleted


async def targets_of(connection: Connection, tables: tuple[str, ...]) -> Targets:
    """Look the targets up. Raises UnfitTarget where one is missing, or is no table whose rows can be kept."""
    found = await connection.fetch(sql("targets"), list(tables))
    for row in found:
        if row["oid"] is None:
            raise UnfitTarget(f"there is no table {row['asked']}")
        if row["kind"] not in {ORDINARY, PARTITIONED}:
            raise UnfitTarget(f"{row['relation']} is no ordinary table")
        if not row["writable"]:
            raise UnfitTarget(f"{row['relation']} belongs to PostgreSQL or to Interlock")
    return Targets(
        read=tuple(
            dict.fromkeys(
                row["relation"] if row["kind"] == PARTITIONED else f"only {row['relation']}"
                for row in found
                if row["reads"]
            )
        ),
        allowed=frozenset(row["oid"] for row in found),
    )


async def lock(connection: Connection, targets: Targets) -> None:
    """Let nobody else write the targets from here on, so that only this transaction's rows differ."""
    # In one order for everybody, so that two of them cannot wait for each other. A partitioned table's partitions are
    # locked with it.
    for relation in targets.read:
        await connection.execute(f"lock table {relation} in exclusive mode")


async def touches(connection: Connection, targets: Targets) -> Touches:
    """Return what was done to the targets. Raises OutsideTargets where anything else was touched."""
    inserted = updated = deleted = 0
    for row in await connection.fetch(sql("counters")):
        if row["relation"] in OWN:
            # The marker and what stands beside it are only ever added.
            if row["updated"] or row["deleted"] or row["inserted"] > 1:
                raise OutsideTargets(f"it touched {row['relation']}, which belongs to Interlock")
            continue
        if row["oid"] not in targets.allowed:
            raise OutsideTargets(f"it touched {row['relation']}, which is no target")
        inserted += row["inserted"]
        updated += row["updated"]
        deleted += row["deleted"]
    return Touches(inserted, updated, deleted)


def within(rows: int, least: int, most: int) -> None:
    """Raise UnexpectedRows where there are fewer or more."""
    if not least <= rows <= most:
        expected = f"{least}" if least == most else f"{least} to {most}"
        raise UnexpectedRows(f"it touched {rows} rows; {expected} were expected")
