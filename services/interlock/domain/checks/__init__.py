"""Every check there is: named, pure, and able to explain itself."""

from interlock.domain.checks import evidence, people, production, rehearsing, starting
from interlock.domain.checks.asked import CHECKS, Asked

__all__ = ["CHECKS", "Asked", "evidence", "people", "production", "rehearsing", "starting"]
