"""Every command there is: what can be asked, in the imperative."""

from interlock.domain.commands import adjustment, deploy, environment, evidence, governance, problem, release, timely
from interlock.domain.commands.registry import COMMANDS

# What only time or the project's beginning gives: no caller may, so no way in takes it.
BY_NOBODY = frozenset(
    {name for name, cls in COMMANDS.items() if cls.__module__ == timely.__name__} | {governance.OpenProject.__name__}
)
PUBLISHED = {name: cls for name, cls in COMMANDS.items() if name not in BY_NOBODY}

__all__ = [
    "BY_NOBODY",
    "COMMANDS",
    "PUBLISHED",
    "adjustment",
    "deploy",
    "environment",
    "evidence",
    "governance",
    "problem",
    "release",
    "timely",
]
