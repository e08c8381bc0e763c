"""DORA's five, on a history whose figures are worked out by hand, below, beside each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
import pytest_asyncio

from interlock.ledger.embedded import Dsns
from interlock.projections.delivery import delivery
from interlock.projections.delivery.figures import weeks
from interlock.projections.delivery.lead_time import joined, without
from tests.projections.answers import Writer, read_models
from tests.projections.delivering import Written, delivering, when
from tests.projections.histories import chaos, walk

SINCE, UNTIL = when("02 00:00"), when("23 00:00")


def windows(since: datetime, until: datetime) -> Sequence[tuple[datetime, datetime]]:
    """Sat, Sun 09:00-12:00 GMT: the days of this history on which production was open."""
    opened = [(when(f"{day} 09:00"), when(f"{day} 12:00")) for day in ("07", "08", "14", "15", "21", "22")]
    return [each for each in opened if each[1] > since and each[0] < until]


@pytest.fixture(scope="module")
def written() -> Written:
    return delivering()


@pytest_asyncio.fixture
async def reader(read_model_dsns: Dsns, written: Written) -> AsyncIterator[Writer]:
    async with read_models(read_model_dsns.app) as writer:
        await writer.write("delivering", [written.tape.copy("delivering")])
        yield writer


async def asked(writer: Writer, **more: Any) -> dict[str, Any]:
    how: dict[str, Any] = {"since": SINCE, "until": UNTIL, "production": "production", "open_windows": windows, **more}
    return await delivery(writer.connection, how.pop("project", "delivering"), **how)


def hours(hour: int, minutes: int = 0) -> int:
    return hour * 3600 + minutes * 60


async def test_lead_time_is_the_median_of_all_changes_and_is_split_without_a_rest(reader: Writer) -> None:
    found = (await asked(reader))["lead_time"]
    # a1: Mon 10:00 to Sat 09:10 = 119 h 10; a2: Tue 10:00 to Sat 09:10 = 95 h 10; h1: 11:00 to 14:05 = 3 h 05;
    # b1: Mon 09:00 to Sun 10:10 = 145 h 10; c1: the same a week later = 145 h 10. The middle one of five is a1.
    assert (found["changes"], found["median_seconds"]) == (5, hours(119, 10))
    assert found["longest_seconds"] == hours(145, 10)
    # All five together: 119:10 + 95:10 + 3:05 + 145:10 + 145:10 = 507 h 45.
    # Working: 29:40 + 5:40 + 0:35 + 3:10 + 1:35 = 40 h 40; the window: 47:20 + 47:20 + 0 + 42 + 0 = 136 h 40;
    # a person: 42:10 + 42:10 + 2:30 + 100 + 143:35 = 330 h 25. And 40:40 + 136:40 + 330:25 = 507:45.
    spent = [found[f"{what}_seconds"] for what in ("total", "working", "window", "person")]
    assert spent == [hours(507, 45), hours(40, 40), hours(136, 40), hours(330, 25)]


@pytest.mark.parametrize(
    "release, changes, total, working, window, person",
    [
        # Working: developed Mon 10:00 to Tue 14:00 (28 h), deploys 10 + 10 + 10 + 10 m, tests 20 m, restore 30 m,
        # migration 10 m: 29 h 40. The window: from the last verdict, Thu 09:40, to Sat 09:00 = 47 h 20.
        # A person: Tue 14:00-14:30, 15:00-16:00, Tue 16:10 to Wed 10:10, 10:10-11:00, 11:10-13:00,
        # Wed 13:40 to Thu 09:40 = 0:30 + 1 + 18 + 0:50 + 1:50 + 20 = 42 h 10.
        ("1.0", 2, hours(119, 10), hours(29, 40), hours(47, 20), hours(42, 10)),
        # Only h1 is new. Developed 11:00-11:20, deploys 10 and 5 m: 35 m. A hotfix waits for no window.
        ("1.0.1", 1, hours(3, 5), hours(0, 35), 0, hours(2, 30)),
        # Developed 3 h, deploy 10 m. Closed from Fri 12:00 to Sat 09:00 and from Sat 12:00 to Sun 09:00: 42 h.
        # A person: Mon 12:00 to Fri 12:00 (96 h), Saturday's window (3 h), Sunday's from 09:00 to 10:00 (1 h).
        ("1.1", 1, hours(145, 10), hours(3, 10), hours(42), hours(100)),
        # Developed 1 h, three deploys of 20, 5 and 10 m. The last one was linked to a problem: no window.
        ("1.2", 1, hours(145, 10), hours(1, 35), 0, hours(143, 35)),
    ],
)
async def test_each_deployment_tells_what_its_oldest_change_waited_for(
    reader: Writer, written: Written, release: str, changes: int, total: int, working: int, window: int, person: int
) -> None:
    rows = (await asked(reader))["lead_time"]["deployments"]
    [row] = [each for each in rows if each["release"] == release]
    assert row["changes"] == changes
    spent = [row[f"{what}_seconds"] for what in ("total", "working", "window", "person")]
    assert spent == [total, working, window, person]
    assert row["content_position"] == written.positions[f"content {release}"]
    assert row["position"] == written.positions[row["deploy"]]


async def test_a_deployment_is_what_changed_production_and_counts_in_the_week_of_its_end(
    reader: Writer, written: Written
) -> None:
    found = (await asked(reader))["deployment_frequency"]
    # D-1 to D-6 and D-8; D-7 left production unchanged. Seven in 21 days: 2.33 a week.
    counted = ["D-1", "D-2", "D-3", "D-4", "D-5", "D-6", "D-8"]
    assert (found["deployments"], found["left_unchanged"], found["days"], found["per_week"]) == (7, 1, 21.0, 2.33)
    assert found["events"] == [written.positions[deploy] for deploy in counted]
    told = [(week["begins"][:10], week["deployments"], week["failed"], week["rework"]) for week in found["weeks"]]
    assert told == [("2026-11-02", 4, 2, 3), ("2026-11-09", 1, 0, 0), ("2026-11-16", 2, 1, 1)]


async def test_recovery_is_from_what_failed_to_what_mended_it(reader: Writer, written: Written) -> None:
    found = (await asked(reader))["failed_deployment_recovery_time"]
    told = [(row["deploy"], row["because"], row["seconds"], row["recovered_by"]) for row in found["failures"]]
    assert told == [
        # Reported 10:00, rolled back by 10:30.
        ("D-1", "P-1", hours(0, 30), "D-2"),
        # Failed 13:10, the retry ended 14:05.
        ("D-3", "the deploy failed", hours(0, 55), "D-4"),
        # Lost 09:20, confirmed by two persons 10:00.
        ("D-6", "nobody knows how it ended", hours(0, 40), "confirmed by two persons"),
    ]
    # The middle one of 30, 40 and 55 minutes.
    assert (found["failed"], found["recovered"], found["median_seconds"]) == (3, 3, hours(0, 40))
    assert {written.positions[name] for name in ("D-1", "P-1", "D-2", "D-3", "D-4", "D-6", "confirmed")} == {
        *found["events"]
    }


async def test_the_rates_are_of_all_deployments(reader: Writer, written: Written) -> None:
    found = await asked(reader)
    # D-1, D-3 and D-6 failed: 3 of 7 = 42.857 %. D-2, D-3, D-4 and D-8 were for a problem: 4 of 7 = 57.143 %.
    fails, rework = found["change_fail_rate"], found["rework_rate"]
    assert (fails["failed"], fails["deployments"], fails["percent"]) == (3, 7, 42.9)
    assert (rework["rework"], rework["deployments"], rework["percent"]) == (4, 7, 57.1)
    assert fails["events"] == [written.positions[name] for name in ("D-1", "D-3", "D-6")]
    assert rework["events"] == [written.positions[name] for name in ("D-2", "D-3", "D-4", "D-8")]


async def test_a_period_has_what_ended_in_it_and_its_end_is_not_in_it(reader: Writer) -> None:
    # D-2 ends at 10:30 exactly.
    up_to = await asked(reader, since=when("07 10:30"), until=when("15 10:10"))
    assert up_to["deployment_frequency"]["deployments"] == 3
    assert [row["release"] for row in up_to["lead_time"]["deployments"]] == ["1.0.1"]
    nothing = await asked(reader, since=when("10 00:00"), until=when("11 00:00"))
    assert nothing["lead_time"]["median_seconds"] is None
    assert nothing["change_fail_rate"]["percent"] is None
    assert nothing["deployment_frequency"]["weeks"] == [
        {"begins": "2026-11-09T00:00:00Z", "deployments": 0, "failed": 0, "rework": 0, "events": []}
    ]


async def test_at_a_position_only_what_was_known_there_counts(reader: Writer, written: Written) -> None:
    # Before the rollback began, nobody had intervened; the problem alone makes nothing fail.
    known = await asked(reader, at=written.positions["P-1"])
    assert known["change_fail_rate"] | {"definition": ""} == {
        "definition": "", "failed": 0, "deployments": 1, "percent": 0.0, "events": [],
    }  # fmt: skip
    begun = await asked(reader, at=written.positions["P-1"] + 2)
    [failure] = begun["failed_deployment_recovery_time"]["failures"]
    assert (failure["deploy"], failure["recovered_at"], failure["seconds"]) == ("D-1", None, None)
    assert begun["failed_deployment_recovery_time"]["median_seconds"] is None


async def test_the_figures_at_each_position_equal_those_of_a_history_that_ends_there(
    read_model_dsns: Dsns, written: Written
) -> None:
    async with read_models(read_model_dsns.app) as writer:
        await writer.write("delivered", [written.tape.copy("delivered")])
        replay = written.tape.copy("delivered-part")
        for position in range(0, written.tape.position + 1, 7):
            done = position - 7
            await writer.write("delivered-part", [replay[max(0, done) : position]] if position else [])
            then = await asked(writer, project="delivered", at=position)
            assert then == await asked(writer, project="delivered-part"), position


@pytest.mark.parametrize("seed", range(6))
async def test_no_history_is_too_odd_to_be_measured(read_model_dsns: Dsns, seed: int) -> None:
    tape = walk(Random(seed), 60) if seed % 2 else chaos(Random(seed), 60)
    project = f"odd-{seed}"
    async with read_models(read_model_dsns.app) as writer:
        await writer.write(project, [tape.copy(project)])
        found = await asked(writer, project=project, since=when("01 00:00"), until=when("30 00:00"))
    lead = found["lead_time"]
    for row in (lead, *lead["deployments"]):
        parts = [row[f"{what}_seconds"] for what in ("working", "window", "person")]
        assert sum(parts) == row["total_seconds"]
        assert min(parts) >= 0


def test_spans_are_joined_and_cut_without_overlap() -> None:
    hour = [when("02 00:00") + timedelta(hours=number) for number in range(10)]
    assert joined([(hour[4], hour[6]), (hour[1], hour[3]), (hour[2], hour[5]), (hour[8], hour[8])]) == [
        (hour[1], hour[6])
    ]
    assert without([(hour[0], hour[9])], [(hour[1], hour[2]), (hour[4], hour[5])]) == [
        (hour[0], hour[1]), (hour[2], hour[4]), (hour[5], hour[9]),
    ]  # fmt: skip
    assert without([(hour[2], hour[3])], [(hour[1], hour[4])]) == []


def test_weeks_begin_on_monday() -> None:
    assert [begins.weekday() for begins, _ in weeks(when("05 13:00"), when("19 00:00"))] == [0, 0, 0]
