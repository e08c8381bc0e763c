"""When production deploys may start: half-open windows in UTC, all year."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from interlock.domain.policy import DAYS, EnvironmentPolicy, WindowRule
from interlock.events.fact import fact

DAYS_LOOKED_BACK = 7
DAYS_LOOKED_AHEAD_MAX = 15
DAYS_REMEMBERED_MAX = 64


@fact
class Window:
    """From `opens` up to, but not at, `closes`, both in UTC."""

    opens: datetime
    closes: datetime


def _windows_from(rules: tuple[WindowRule, ...], at: datetime) -> Iterator[Window]:
    """Windows that end after `at` and begin within DAYS_LOOKED_AHEAD_MAX, in order."""
    midnight = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    last = midnight + timedelta(days=DAYS_LOOKED_AHEAD_MAX)
    return (window for window in _windows_around(rules, midnight) if window.closes > at and window.opens < last)


@lru_cache(maxsize=DAYS_REMEMBERED_MAX)
def _windows_around(rules: tuple[WindowRule, ...], midnight: datetime) -> tuple[Window, ...]:
    """The windows from a week before `midnight` on; touching ones are joined.

    A week more than is asked for is looked at, so that a window which begins at the end has its own end.
    """
    found: list[Window] = []
    for ahead in range(-DAYS_LOOKED_BACK, DAYS_LOOKED_AHEAD_MAX + DAYS_LOOKED_BACK):
        day = midnight + timedelta(days=ahead)
        spans = sorted((rule.opens_minute, rule.closes_minute) for rule in rules if DAYS[day.weekday()] in rule.days)
        for opens_minute, closes_minute in spans:
            opens, closes = day + timedelta(minutes=opens_minute), day + timedelta(minutes=closes_minute)
            if found and opens <= found[-1].closes:
                found[-1] = Window(opens=found[-1].opens, closes=max(found[-1].closes, closes))
            else:
                found.append(Window(opens=opens, closes=closes))
    return tuple(found)


def next_window(environment: EnvironmentPolicy, at: datetime) -> Window | None:
    """The window that is open at `at`, or else the next one; None where the environment has no windows."""
    return next(_windows_from(environment.windows, at), None)


def windows(environment: EnvironmentPolicy, at: datetime, count: int) -> tuple[Window, ...]:
    """The next `count` windows, the open one included; fewer where they lie more than two weeks ahead."""
    found: list[Window] = []
    for window in _windows_from(environment.windows, at):
        found.append(window)
        if len(found) == count:
            break
    return tuple(found)


def is_open(environment: EnvironmentPolicy, at: datetime) -> bool:
    """Whether a deploy may start at `at`; always, where the environment has no windows."""
    if not environment.windows:
        return True
    window = next_window(environment, at)
    return window is not None and window.opens <= at < window.closes


def describe(environment: EnvironmentPolicy) -> str:
    """The rule in words, as in "Sat, Sun 09:00-12:00 GMT"."""
    return "; ".join(f"{', '.join(rule.days)} {rule.opens}-{rule.closes} GMT" for rule in environment.windows)
