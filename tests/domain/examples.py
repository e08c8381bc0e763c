"""For each command a realistic moment at which it is accepted: who gives it, and what follows.

The table is complete: a command without an example fails the tests that walk over it.
"""

from __future__ import annotations

from tests.domain import examples_of_adjustments, examples_of_people, examples_of_the_way
from tests.domain.example import (
    EXAMPLES,
    Example,
    asked,
    enrolments,
    example,
    migrated,
    migrating,
    report_of,
    reported,
    restoring,
    testing,
    tightened,
    waiting,
)

__all__ = [
    "EXAMPLES",
    "Example",
    "asked",
    "enrolments",
    "example",
    "examples_of_adjustments",
    "examples_of_people",
    "examples_of_the_way",
    "migrated",
    "migrating",
    "report_of",
    "reported",
    "restoring",
    "testing",
    "tightened",
    "waiting",
]
