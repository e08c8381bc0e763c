"""What happens by itself in these two weeks: nightly tests, and somebody who reads production's logs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

from interlock.cli.demo.cast import CRON
from interlock.cli.demo.playing import Play, Routine, instant
from interlock.cli.demo.steps import check_logs, tests_on_what_is_there

FIRST_NIGHT, LAST_NIGHT = 13, 26
# That night the machine that starts the tests was down; it came back in the morning.
NIGHT_MISSED, CAME_BACK = 22, "11-22 07:40"

# On the days of a release the logs are read every hour, on others once in the morning: nobody is here at night.
ORDINARY_DAYS = (13, 16, 17, 18, 19, 20, 22, 23, 24)
# Before somebody asks for production, the logs are looked at once more.
AFTERNOONS = ("11-13 14:14", "11-20 16:14")
SATURDAYS = (14, 21)
HOTFIX_DAY, LAST_DAY = 25, 26
# At 10:14 of the hotfix's day something is found: that is a chapter's own.
FOUND_AT = 10


def nights() -> Iterator[Routine]:
    """Give each night's test run."""
    for day in range(FIRST_NIGHT, LAST_NIGHT + 1):
        yield instant(CAME_BACK if day == NIGHT_MISSED else f"11-{day} 00:00:02"), nightly_tests


def nightly_tests(play: Play) -> None:
    """Run the tests on whatever is there; where that is a release, the run is also its verdict."""
    tests_on_what_is_there(play, CRON, "scheduled")


def log_readers() -> Iterator[Routine]:
    """Give each time that the logs are read, always a quarter past the hour less a minute."""
    for day in ORDINARY_DAYS:
        yield instant(f"11-{day} 08:14"), by_developer
    for moment in AFTERNOONS:
        yield instant(moment), by_developer
    for day in SATURDAYS:
        yield from hours(day, 8, 17, by_tester)
    yield from hours(HOTFIX_DAY, 8, 18, by_developer)
    yield from hours(LAST_DAY, 8, 13, by_developer)


def hours(day: int, first: int, last: int, reader: Callable[[Play], None]) -> Iterator[Routine]:
    """Give every hour of a day from `first` to `last`."""
    begin = instant(f"11-{day} {first:02}:14")
    for hour in range(last - first + 1):
        if (day, first + hour) != (HOTFIX_DAY, FOUND_AT):
            yield begin + timedelta(hours=hour), reader


def by_developer(play: Play) -> None:
    """Dora reads the logs."""
    check_logs(play, "dora")


def by_tester(play: Play) -> None:
    """On weekends the testers share it."""
    check_logs(play, "qa-1")
