"""The story's chapters, in order. Each has a title, the days it is about, and the function that plays it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from interlock.cli.demo.chapters import (
    adjustment,
    enrolment,
    failed_migration,
    first_saturday,
    hotfix,
    policy_change,
    second_saturday,
    taking_in,
    thursday,
)
from interlock.cli.demo.playing import Play


@dataclass(frozen=True, slots=True)
class Chapter:
    """One chapter."""

    days: str
    title: str
    play: Callable[[Play], None]


CHAPTERS = (
    Chapter("Thu 12", "two founders let the team in, two by two", enrolment.play),
    Chapter("Thu 12 – Sat 14", "4.11.1 goes all the way, and waits for Saturday", first_saturday.play),
    Chapter("Mon 16 – Fri 20", "4.11.2: red tests, then a migration that fails in stage", failed_migration.play),
    Chapter("Sat 21 – Sun 22", "queued for the window, 4.11.2 starts when it opens", second_saturday.play),
    Chapter("Mon 23", "two persons change the policy", policy_change.play),
    Chapter("Tue 24 – Wed 25", "a problem in production; a hotfix overtakes 4.12.0", hotfix.play),
    Chapter("Wed 25", "17 orders of production are put right: five persons, one transaction", adjustment.play),
    Chapter("Wed 25", "4.12.0 takes the hotfix in, and begins again", taking_in.play),
    Chapter("Thu 26", "4.12.0 is complete, and 4.13.0 is stopped", thursday.play),
)
