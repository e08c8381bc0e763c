"""Every command there is: what can be asked, in the imperative."""

from interlock.domain.commands import adjustment, deploy, environment, evidence, governance, problem, release, timely
from interlock.domain.commands.registry import COMMANDS

__all__ = ["COMMANDS", "adjustment", "deploy", "environment", "evidence", "governance", "problem", "release", "timely"]
