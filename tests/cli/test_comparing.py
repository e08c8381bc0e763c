"""What is another in the second of two answers, and who made it so."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.cli.comparing import environment_changes, plain_changes, problem_changes


def said(state: str, position: int, **more: Any) -> dict[str, Any]:
    return {"state": state, "since": f"at {position}", "position": position, "by": f"by {position}", **more}


def happened(kind: str, position: int) -> dict[str, Any]:
    return {"type": kind, "position": position, "recorded_at": f"at {position}", "by": f"by {position}"}


def changes(before: dict[str, Any], after: dict[str, Any], *events: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = environment_changes(before, after, events, [], [])["changes"]
    return found


def test_what_is_said_anew_tells_its_own_event() -> None:
    old, new = said("occupied", 3, release="1.0"), said("occupied", 9, release="1.1")
    assert changes({"occupancy": old}, {"occupancy": new}) == [
        {"what": "occupancy", "before": old, "after": new, "position": 9, "at": "at 9", "by": "by 9"}
    ]


def test_an_adjustment_in_between_is_a_change_of_the_data() -> None:
    once = {"times": 1, "last": said("executed", 9, adjustment="ADJ-1")}
    [change] = changes({"adjusted": {"times": 0, "last": None}}, {"adjusted": once})
    assert (change["what"], change["after"]["adjustment"], change["position"]) == ("adjusted", "ADJ-1", 9)
    # A deploy begins the count anew; nothing was adjusted by it.
    assert changes({"adjusted": once}, {"adjusted": {**once, "times": 0}}) == []


def test_a_schema_that_is_told_again_is_no_other_schema() -> None:
    old, new = said("known", 3, schema_digest="sha256:a"), said("known", 9, schema_digest="sha256:a")
    assert changes({"schema": old}, {"schema": new}) == []
    assert len(changes({"schema": old}, {"schema": {**new, "schema_digest": "sha256:b"}})) == 1


def test_a_schema_that_is_known_no_more_is_a_change() -> None:
    old = said("known", 3, schema_digest="sha256:a")
    assert changes({"schema": old}, {"schema": None}) == [{"what": "schema", "before": old}]


def test_what_was_empty_before_has_no_before() -> None:
    new = said("occupied", 6, release="1.0")
    [change] = changes({"occupancy": {"state": "empty"}}, {"occupancy": new}, happened("DeploySucceeded", 6))
    # It happened once: that needs no number.
    assert change == {"what": "occupancy", "after": new, "position": 6, "at": "at 6", "by": "by 6"}


@pytest.mark.parametrize(
    "part, ending",
    [
        ("freeze", "EnvironmentUnfrozen"),
        ("corrupt", "DataMarkedClean"),
        ("corrupt", "DataErased"),
        ("corrupt", "DataRestored"),
        ("lease", "LeaseReleased"),
        ("lease", "LeaseExpired"),
        ("lease", "LeaseBroken"),
        ("run", "TestRunFinished"),
        ("run", "TestRunAborted"),
    ],
)
def test_what_is_said_no_more_tells_the_last_event_that_ended_it(part: str, ending: str) -> None:
    old = said("so", 3)
    [change] = changes({part: old}, {part: None}, happened(ending, 5), happened(ending, 7), happened("Other", 8))
    assert change == {"what": part, "before": old, "position": 7, "at": "at 7", "by": "by 7"}


def test_what_is_the_same_and_what_follows_from_other_parts_is_no_change() -> None:
    same = said("held", 3)
    before = {"lease": same, "position": 4, "purpose": "tests", "occupancy": {"state": "empty"}, "last_sure": None}
    after = {
        "lease": same,
        "position": 9,
        "purpose": "tests",
        "occupancy": {"state": "empty"},
        "last_sure": said("x", 8),
    }
    assert changes(before, after) == []


def test_a_part_that_this_version_does_not_know_is_compared_too() -> None:
    new = said("moon", 6)
    [change] = changes({}, {"moon": new})
    assert (change["what"], change["after"], change["position"]) == ("moon", new, 6)


def test_what_happened_again_and_again_is_counted() -> None:
    events = [happened("LogsChecked", 4), happened("LogCheckMissed", 5), happened("LogsChecked", 6)]
    [change] = changes({"logs": None}, {"logs": said("clean", 6)}, *events)
    assert change["times"] == 3


def problem(name: str, state: str, position: int) -> dict[str, Any]:
    line = {"position": position, "by": f"by {position}"}
    return {
        "problem": name,
        "title": name,
        "state": state,
        "state_position": position,
        "state_since": f"at {position}",
        "history": [{"position": 1, "by": "somebody"}, line],
    }


def test_problems_that_came_went_or_came_again_are_told_in_their_order() -> None:
    before = [problem("P-1", "open", 2), problem("P-2", "open", 3), problem("P-3", "open", 4)]
    after = [
        problem("P-4", "open", 9),
        problem("P-3", "open", 8),
        problem("P-2", "open", 3),
        problem("P-1", "resolved", 7),
    ]
    told = [(each["problem"], each["before"], each["after"], each["by"]) for each in problem_changes(before, after)]
    assert told == [("P-1", "open", "resolved", "by 7"), ("P-3", "open", "open", "by 8"), ("P-4", None, "open", "by 9")]


def test_values_are_compared_by_path_and_lists_by_what_names_their_members() -> None:
    before = {"position": 1, "roles": ["a"], "people": [{"principal": "x", "kind": "person"}], "gone": 1}
    after = {"position": 2, "roles": ["a", "b"], "people": [{"principal": "y", "kind": "person"}], "new": {"deep": 1}}
    assert plain_changes(before, after) == [
        {"path": "roles", "before": ["a"], "after": ["a", "b"]},
        {"path": "people.x", "before": {"principal": "x", "kind": "person"}, "after": None},
        {"path": "people.y", "before": None, "after": {"principal": "y", "kind": "person"}},
        {"path": "gone", "before": 1, "after": None},
        {"path": "new", "before": None, "after": {"deep": 1}},
    ]


@pytest.mark.parametrize(
    "before, after",
    [
        ([{"name": "a"}], [5]),
        ([{"name": "a"}, 5], [{"name": "a"}]),
        ([{"name": "a"}, {"name": "a"}], [{"name": "a"}]),
    ],
    ids=["of another kind", "not all with a name", "with a name twice"],
)
def test_lists_whose_members_are_not_all_named_are_compared_as_a_whole(before: list[Any], after: list[Any]) -> None:
    assert plain_changes({"each": before}, {"each": after}) == [{"path": "each", "before": before, "after": after}]


def test_the_moment_of_reading_is_left_out_only_where_it_stands() -> None:
    assert plain_changes({"now": 1, "lease": {"position": 1}}, {"now": 2, "lease": {"position": 2}}) == [
        {"path": "lease.position", "before": 1, "after": 2}
    ]
