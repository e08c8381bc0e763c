"""What can keep migrations from running, named for the situation."""

from __future__ import annotations

from interlock.runners.failures import Stopped


class OtherMigrations(Stopped):
    """what would run is not what the release declares; nothing was begun"""


class HalfApplied(Stopped):
    """a migration was begun before and nobody knows whether it ran"""


class MigrationRefused(Stopped):
    """a migration did not run; PostgreSQL's own words may quote a row, and are for the person at the terminal alone

    `migration` is the id that the release declares; those before it ran.
    """

    def __init__(self, migration: str, error: object, *, recorded: str = "") -> None:
        """`recorded` says the same without what a row held."""
        super().__init__(f"{migration}: {error}")
        self.migration = migration
        self._recorded = f"{migration}: {recorded or error}"

    @property
    def recorded(self) -> str:
        """Which one, and PostgreSQL's name for what was wrong."""
        return self._recorded


class ToolFailed(Stopped):
    """the migration tool could not be asked what there is"""
