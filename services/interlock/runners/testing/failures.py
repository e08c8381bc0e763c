"""How a test run can end without a verdict, named for the situation."""

from __future__ import annotations

from interlock.runners.failures import LeaseLost, Stopped


class NoVerdict(Stopped):
    """the run gave no report that a verdict can be read from: it is aborted, and has not failed"""

    def __init__(self, why: str, *, run: str, recorded: bool) -> None:
        """`recorded`: whether the record says that it was aborted; otherwise its lease expires, which says the same."""
        super().__init__(why)
        self.run = run
        self.is_recorded = recorded


class Over(LeaseLost):
    """the run was ended under its runner: it was aborted, its lease was broken, or it expired"""

    def __init__(self, why: str, *, run: str) -> None:
        super().__init__(why)
        self.run = run


class NotReported(Stopped):
    """the tests gave a verdict, and Interlock could not be told"""

    def __init__(self, why: str, *, run: str, token: int) -> None:
        super().__init__(why)
        self.run = run
        self.token = token
