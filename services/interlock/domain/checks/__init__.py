"""Every check there is: named, pure, and able to explain itself."""

from interlock.domain.checks import adjusting, evidence, executing, people, production, rehearsing, starting
from interlock.domain.checks.asked import CHECKS, Asked

__all__ = ["CHECKS", "Asked", "adjusting", "evidence", "executing", "people", "production", "rehearsing", "starting"]
