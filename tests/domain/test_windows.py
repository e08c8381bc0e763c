"""When production deploys may start: half-open windows, UTC all year, in both readings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.domain import policy as policies
from interlock.domain.policy import DAYS, EnvironmentPolicy, WindowRule
from interlock.domain.windows import DAYS_LOOKED_AHEAD_MAX, describe, is_open, next_window, windows

MINUTE = timedelta(minutes=1)
LONDON = ZoneInfo("Europe/London")


def production(reading: str) -> EnvironmentPolicy:
    return policies.parse(policies.shipped(reading)).environments[-1]  # type: ignore[arg-type]


WEEKEND, FREE = production("weekend"), production("weekdays-free")


def open_by_hand(rules: tuple[WindowRule, ...], at: datetime) -> bool:
    """The oracle: the minute itself is looked up in the rules, with nothing joined and nothing ahead."""
    minute = at.hour * 60 + at.minute
    return any(DAYS[at.weekday()] in r.days and r.opens_minute <= minute < r.closes_minute for r in rules)


MINUTES = st.integers(0, 7 * 24 * 60 - 1)
RULES = st.lists(
    st.builds(
        lambda days, opens, length: WindowRule(
            days=tuple(sorted(days, key=DAYS.index)), opens=f"{opens // 60:02}:{opens % 60:02}",
            closes="24:00" if opens + length >= 1440 else f"{(opens + length) // 60:02}:{(opens + length) % 60:02}",
        ),
        st.sets(st.sampled_from(DAYS), min_size=1), st.integers(0, 1439), st.integers(1, 1440),
    ),
    min_size=1, max_size=4,
).map(tuple)  # fmt: skip
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))


@pytest.mark.parametrize("moment,opened", [
    ("2026-11-21T08:59:59.999999Z", False), ("2026-11-21T09:00:00Z", True), ("2026-11-21T11:59:59.999999Z", True),
    ("2026-11-21T12:00:00Z", False), ("2026-11-22T09:00:00Z", True), ("2026-11-23T09:00:00Z", False),
])  # fmt: skip
def test_the_window_is_half_open(moment, opened) -> None:
    assert is_open(WEEKEND, datetime.fromisoformat(moment)) is opened


@pytest.mark.parametrize("day", ["2026-07-18", "2026-01-17", "2026-03-28", "2026-03-29", "2026-10-24", "2026-10-25"])
def test_it_is_utc_all_year_and_never_london_time(day) -> None:
    nine = datetime.fromisoformat(f"{day}T09:00:00+00:00")
    assert is_open(WEEKEND, nine)
    assert not is_open(WEEKEND, nine - MINUTE)
    assert is_open(WEEKEND, nine + timedelta(hours=3) - MINUTE)
    assert not is_open(WEEKEND, nine + timedelta(hours=3))
    # The same moments, said in London's time, are the same moments.
    assert is_open(WEEKEND, nine.astimezone(LONDON))
    assert not is_open(WEEKEND, (nine - MINUTE).astimezone(LONDON))


def test_in_the_other_reading_weekdays_are_free_and_the_weekend_is_not() -> None:
    monday = datetime(2026, 11, 16, tzinfo=UTC)
    assert is_open(FREE, monday)
    assert is_open(FREE, monday + timedelta(days=5) - MINUTE)
    assert not is_open(FREE, monday + timedelta(days=5))
    assert is_open(FREE, monday + timedelta(days=5, hours=9))
    assert not is_open(FREE, monday - MINUTE)


def test_weekdays_that_touch_are_one_window() -> None:
    opened = next_window(FREE, datetime(2026, 11, 18, 3, tzinfo=UTC))
    assert opened is not None
    assert (opened.opens, opened.closes) == (datetime(2026, 11, 16, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC))


@given(MOMENTS, st.sampled_from([WEEKEND, FREE]))
def test_both_readings_agree_with_a_minute_by_minute_look(moment, environment) -> None:
    assert is_open(environment, moment) is open_by_hand(environment.windows, moment)


@given(MOMENTS, RULES)
def test_any_rules_agree_with_a_minute_by_minute_look(moment, rules) -> None:
    environment = WEEKEND.model_copy(update={"windows": rules})
    assert is_open(environment, moment) is open_by_hand(rules, moment)


@given(MOMENTS.map(lambda m: m.replace(second=0, microsecond=0)), st.sampled_from([WEEKEND, FREE]))
def test_the_next_window_is_the_first_open_minute_and_ends_with_the_last(moment, environment) -> None:
    found = next_window(environment, moment)
    assert found is not None
    minute = moment
    while not open_by_hand(environment.windows, minute):
        minute += MINUTE
    assert max(found.opens, moment) == minute
    while open_by_hand(environment.windows, minute):
        minute += MINUTE
    assert found.closes == minute


@given(MOMENTS, st.sampled_from([WEEKEND, FREE]), st.integers(1, 6))
def test_the_windows_ahead_come_in_order_do_not_touch_and_end_where_they_end(moment, environment, count) -> None:
    found = windows(environment, moment, count)
    assert all(a.closes < b.opens for a, b in pairwise(found))
    for window in found:
        assert open_by_hand(environment.windows, window.closes - MINUTE)
        assert not open_by_hand(environment.windows, window.closes)
        assert window.opens < moment + timedelta(days=DAYS_LOOKED_AHEAD_MAX)


@given(MOMENTS, st.integers(-14 * 60, 14 * 60))
def test_how_a_moment_is_written_makes_no_difference(moment, offset) -> None:
    elsewhere = moment.astimezone(timezone(timedelta(minutes=offset)))
    assert next_window(WEEKEND, elsewhere) == next_window(WEEKEND, moment)


def test_an_environment_without_windows_is_always_open() -> None:
    stage = policies.parse(policies.shipped()).environments[3]
    assert is_open(stage, datetime(2026, 11, 18, tzinfo=UTC))
    assert next_window(stage, datetime(2026, 11, 18, tzinfo=UTC)) is None


def test_the_rule_is_said_in_words() -> None:
    assert describe(WEEKEND) == "Sat, Sun 09:00-12:00 GMT"
