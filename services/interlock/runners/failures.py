"""What can keep a runner's work from being done, named for the situation."""

from __future__ import annotations

from typing import Final

import asyncpg

# What asyncpg raises where the connection is gone, or the server does not answer.
LOST: Final = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
)


class Stopped(Exception):
    """the work was stopped before it was done"""

    @property
    def recorded(self) -> str:
        """What is recorded of it for ever: nothing that a row held."""
        return str(self)


class WrongDatabase(Stopped):
    """the database that was reached is not the one that is registered"""


class UnfitSession(Stopped):
    """the server, or the login role, is none that the work can be done with"""


class LeaseLost(Stopped):
    """the lease ended, or could not be renewed, before the work did"""


class DatabaseAway(Stopped):
    """the connection to the database was lost before anything was committed"""


class NotReported(Exception):
    """the work ended and Interlock could not be told; what follows is decided when its lease is over"""


class Refused(Stopped):
    """Interlock refused; `problem` is its answer, with the whole decision"""

    def __init__(self, problem: Exception) -> None:
        """Keep the answer (interlock.client.ProblemAnswer)."""
        super().__init__(str(problem))
        self.problem = problem
