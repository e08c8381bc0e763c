"""Somebody who watches the demo sees a day in a second; what takes longer anyway waits for nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from interlock.cli.demo.pace import Pace

BEGINS = datetime(2026, 11, 12, tzinfo=UTC)


class Watch:
    """A monotonic clock that moves by waiting and by what is done."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waited: list[float] = []

    def read(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.now += seconds


def test_a_day_of_the_story_takes_a_second() -> None:
    watch = Watch()
    pace = Pace(watch.read, watch.sleep)
    for hours in (0, 12, 24, 72):
        pace(BEGINS + timedelta(hours=hours))
    assert watch.waited == pytest.approx([0.5, 0.5, 2.0])


def test_what_took_time_is_not_waited_for_again() -> None:
    watch = Watch()
    pace = Pace(watch.read, watch.sleep)
    pace(BEGINS)
    watch.now += 0.75
    pace(BEGINS + timedelta(days=1))
    watch.now += 5.0
    pace(BEGINS + timedelta(days=2))
    assert watch.waited == pytest.approx([0.25])


def test_nobody_waits_where_nobody_watches() -> None:
    watch = Watch()
    pace = Pace(watch.read, watch.sleep, seconds_a_day=0.0)
    pace(BEGINS)
    pace(BEGINS + timedelta(days=14))
    assert watch.waited == []
