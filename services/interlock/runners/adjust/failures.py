"""What can keep an adjustment from being done, named for the situation. After each of them nothing was committed,
unless its name says otherwise."""

from __future__ import annotations

from interlock.runners.failures import DatabaseAway, LeaseLost, Refused, Stopped, UnfitSession, WrongDatabase

__all__ = [
    "BackupImpossible",
    "CannotTell",
    "DatabaseAway",
    "EffectFalse",
    "LeaseLost",
    "MarkerTaken",
    "NotReported",
    "OutsideTargets",
    "PreconditionFalse",
    "Refused",
    "SchemaChanged",
    "StatementRefused",
    "StillRunning",
    "Stopped",
    "UnexpectedRows",
    "UnfitSession",
    "UnfitTarget",
    "WrongDatabase",
]


class UnfitTarget(Stopped):
    """a target is no table whose rows can be kept"""


class MarkerTaken(Stopped):
    """somebody has settled this attempt already: its marker is there"""


class PreconditionFalse(Stopped):
    """a precondition query did not say true"""


class EffectFalse(Stopped):
    """an effect query did not say true"""


class UnexpectedRows(Stopped):
    """the script touched another number of rows than was expected"""


class OutsideTargets(Stopped):
    """the script, a trigger or a cascade touched a table that is no target"""


class SchemaChanged(Stopped):
    """the schema is not the one that it was"""


class BackupImpossible(Stopped):
    """the touched rows could not be kept as they were"""


class StatementRefused(Stopped):
    """PostgreSQL refused a statement; its own words may quote a row, and are for the person at the terminal alone"""

    def __init__(self, doing: str, error: object, *, recorded: str = "") -> None:
        """`recorded` says the same without what a row held."""
        super().__init__(f"{doing}: {error}")
        self._recorded = f"{doing}: {recorded or error}"

    @property
    def recorded(self) -> str:
        """What was being done, and PostgreSQL's name for what was wrong."""
        return self._recorded


class NotReported(Exception):
    """what happened could not be reported: Interlock was away; the next look at the adjustment settles it

    `committed` says what happened in the database: True, False, or None where it is not known either.
    """

    def __init__(self, cause: Exception, *, committed: bool | None) -> None:
        """Keep what is known."""
        word = {True: "it was committed", False: "it was rolled back", None: "whether it was committed is not known"}
        super().__init__(f"{word[committed]}, and Interlock could not be told: {cause}")
        self.committed = committed


class StillRunning(Exception):
    """the attempt's transaction is still open in the database: wait for it, or end the runner that holds it"""


class CannotTell(Exception):
    """the database could not be reached, so that nobody knows yet whether it was committed"""
