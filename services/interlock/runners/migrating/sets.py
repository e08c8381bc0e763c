"""Which migrations run: exactly those that the release declares, by id and digest, or none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from interlock.events.canonical import digest_of_bytes
from interlock.events.catalogue.parts import Migration
from interlock.runners.migrating.failures import HalfApplied, OtherMigrations

SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Ran:
    """It ran in this database before: `digest` of what ran and its time, where somebody kept them."""

    digest: str | None = None
    duration_ms: int = 0
    ended: bool = True


@dataclass(frozen=True, slots=True)
class Known:
    """A migration that is here: `key` is its name in the database's own list, `names` what it may be declared as."""

    key: str
    names: frozenset[str]
    digest: str
    path: Path
    ran: Ran | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    """One that the release declares, and its file."""

    id: str
    known: Known


def known_file(path: Path, ran: Ran | None = None, *names: str, key: str | None = None) -> Known:
    """Return the migration that a file is."""
    digest = digest_of_bytes(path.read_bytes())
    return Known(key or path.name, frozenset({path.name, path.stem, *names}), digest, path, ran)


def planned(declared: Sequence[Migration], known: Sequence[Known]) -> tuple[Planned, ...]:
    """Return those that the release declares, in the order in which they run; some may have run here before.

    Raises OtherMigrations, HalfApplied: then nothing was begun.
    """
    wrong, found = [], {}
    for migration in declared:
        match = next((each for each in known if _names(migration.id, each)), None)
        if match is None:
            wrong.append(f"{migration.id} is declared and not here")
            continue
        found[match.key] = migration.id
        if match.digest != migration.digest:
            wrong.append(f"{migration.id} is not the one that is declared: its digest is {match.digest}")
    for each in known:
        if each.ran is None and each.key not in found:
            wrong.append(f"{each.key} would run and is not declared")
        elif each.ran is not None and each.ran.digest not in {None, each.digest}:
            wrong.append(f"{each.key} has changed since it ran here")
    if wrong:
        more = f", and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise OtherMigrations(f"what would run is not what the release declares: {'; '.join(wrong[:SHOWN])}{more}")
    half = [each.key for each in known if each.ran is not None and not each.ran.ended]
    if half:
        raise HalfApplied(
            f"{half[0]} was begun here before, outside of a transaction, and nobody knows whether it ran: look, then"
            " set ended_at in interlock_migrate.applied, or delete the row where nothing of it is there"
        )
    return tuple(Planned(found[each.key], each) for each in known if each.key in found)


def _names(identifier: str, known: Known) -> bool:
    """Whether a declared id, which may begin with a repository and a folder, means this file."""
    return re.split(r"[/:]", identifier)[-1] in known.names
