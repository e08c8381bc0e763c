"""What a run of the tests begins with, ends with, and asks of others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from interlock.runners.child import Ended
from interlock.runners.junit import Report
from interlock.runners.leases import Lease
from interlock.runners.targets import Found


class Services(Protocol):
    """What a run needs of Interlock besides commands and answers: `interlock.client.Client` has it."""

    def explain(self, name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Ask what would be decided."""

    def put_evidence(self, body: bytes, media_type: str) -> str:
        """Keep something larger."""

    def get(self, path: str) -> dict[str, Any]:
        """Read an answer."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A run as it began: its lease, what was found there, on which release and content."""

    run: str
    lease: Lease
    found: Found
    release: str | None
    content: str | None
    started_at: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """A verdict that is recorded. Of the release's `new_tests`, `missing` did not run and pass."""

    begun: Begun
    new_tests: tuple[str, ...]
    missing: tuple[str, ...]
    report: Report
    digest: str
    size: int
    ended: Ended
    answer: dict[str, Any]


class Told(Protocol):
    """Is told how far a run is, while it goes on."""

    def begun(self, begun: Begun) -> None:
        """The lease is there."""

    def erased(self, position: int) -> None:
        """The data is erased, and that is recorded."""

    def running(self, report: str) -> None:
        """The command starts."""

    def line(self, line: str) -> None:
        """Take a line that the command, or the erasing step, wrote."""

    def ran(self) -> None:
        """The command has ended."""
