"""Who did what, when, because of what."""

from __future__ import annotations

from datetime import timedelta

import pytest

from interlock.projections.audit_trail import Filters, entries, entry, position_at
from interlock.projections.mentions import adjustments, environments, persons, problems, releases
from interlock.projections.sentences import sentence
from tests.projections.answers import Writer
from tests.projections.tape import START, Tape
from tests.projections.test_environment_state import at

EVERYTHING = 500


async def test_everything_that_was_recorded_is_in_it_newest_first(told: Writer, tape: Tape) -> None:
    found = await entries(told.connection, "shop", limit=EVERYTHING)
    assert [one["position"] for one in found] == list(range(tape.position, 0, -1))
    assert {one["type"] for one in found} == {recorded.type for recorded in tape.events}


@pytest.mark.parametrize(
    "filters",
    [
        Filters(release="4.12.0"),
        Filters(environment="production"),
        Filters(person="qa-1"),
        Filters(problem="P-2"),
        Filters(adjustment="ADJ-1"),
        Filters(adjustment="ADJ-2", environment="production"),
        Filters(person="ben"),
        Filters(type="ActionRefused"),
        Filters(release="4.12.0", environment="production"),
        Filters(person="ci-1", environment="stage", type="DeployStarted"),
        Filters(type="NoSuchThing"),
        Filters(text="OVER NIGHT"),
        Filters(text="d-5", environment="production"),
        Filters(since=START + timedelta(minutes=20), until=START + timedelta(minutes=50)),
        Filters(person="anton", until=START + timedelta(minutes=30)),
    ],
)
async def test_each_filter_finds_exactly_what_it_names(told: Writer, tape: Tape, filters: Filters) -> None:
    expected = [
        e.position
        for e in tape.events
        if (filters.release is None or filters.release in releases(e))
        and (filters.environment is None or filters.environment in environments(e))
        and (filters.person is None or filters.person in persons(e))
        and (filters.problem is None or filters.problem in problems(e))
        and (filters.adjustment is None or filters.adjustment in adjustments(e))
        and (filters.type is None or filters.type == e.type)
        and (filters.text is None or filters.text.lower() in f"{e.raw.decode()} {sentence(e)}".lower())
        and (filters.since is None or filters.since <= e.recorded_at)
        and (filters.until is None or e.recorded_at < filters.until)
    ]
    found = await entries(told.connection, "shop", filters, after=0, limit=EVERYTHING)
    assert [one["position"] for one in found] == expected
    backwards = await entries(told.connection, "shop", filters, limit=EVERYTHING)
    assert backwards == found[::-1]
    half = tape.position // 2
    then = await entries(told.connection, "shop", filters, at=half, after=0, limit=EVERYTHING)
    assert [one["position"] for one in then] == [position for position in expected if position <= half]


@pytest.mark.parametrize("forward", [True, False])
async def test_pages_join_without_a_seam(told: Writer, *, forward: bool) -> None:
    filters = Filters(environment="production")
    whole = await entries(told.connection, "shop", filters, after=0 if forward else None, limit=EVERYTHING)
    joined, last = [], 0 if forward else None
    while page := await entries(
        told.connection, "shop", filters, limit=3, data=False, **({"after": last} if forward else {"before": last})
    ):
        joined += page
        last = page[-1]["position"]
    assert joined == whole


async def test_a_refusal_is_found_by_what_was_refused(told: Writer) -> None:
    [found] = await entries(
        told.connection, "shop", Filters(release="4.12.0", environment="production", type="ActionRefused"), data=True
    )
    assert found["by"] == "anton"
    assert [check["check"] for check in found["data"]["decision"]["checks"]] == ["release-open", "release-window"]


async def test_an_entry_tells_its_causes_its_effects_and_what_was_remarked(told: Writer, tape: Tape) -> None:
    asked = at(tape, "DeployRequested", deploy="D-5")
    request = await entry(told.connection, "shop", asked)
    assert request is not None
    assert [one["type"] for one in request["effects"]] == ["LeaseGranted"]
    assert [one["data"]["text"] for one in request["annotations"]] == ["this one waited over night"]
    start = await entry(told.connection, "shop", at(tape, "DeployStarted", deploy="D-5"))
    assert start is not None
    assert [one["type"] for one in start["causes"]] == ["LeaseGranted", "DeployRequested"]
    then = await entry(told.connection, "shop", asked, at=asked)
    assert then is not None
    assert (then["effects"], then["annotations"]) == ([], [])
    assert await entry(told.connection, "shop", asked, at=asked - 1) is None
    assert await entry(told.connection, "shop", 10_000) is None


async def test_an_instant_means_the_last_position_recorded_by_then(told: Writer, tape: Tape) -> None:
    middle = tape.events[30]
    last = max(e.position for e in tape.events if e.recorded_at <= middle.recorded_at)
    assert await position_at(told.connection, "shop", middle.recorded_at) == last
    assert await position_at(told.connection, "shop", START - timedelta(days=1)) == 0
    assert await position_at(told.connection, "shop", tape.now + timedelta(days=1)) == tape.position
