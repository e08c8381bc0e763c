"""What is wrong, since when, who looks after it."""

from __future__ import annotations

from datetime import timedelta

from interlock.events.catalogue import problem as prob
from interlock.projections import problems
from tests.projections.answers import Writer
from tests.projections.story import reported
from tests.projections.tape import Tape
from tests.projections.test_environment_state import at


async def test_open_ones_are_listed_each_with_its_history(told: Writer) -> None:
    [found] = await problems.problems(told.connection, "shop")
    assert (found["problem"], found["environment"], found["release"], found["severity"], found["state"]) == (
        "P-2",
        "production",
        "4.12.0",
        "critical",
        "open",
    )
    assert [line["type"] for line in found["history"]] == [
        "ProblemReported",
        "ReleaseOpened",
        "ReleaseContentSet",
        "HotfixConfirmed",
    ]


async def test_it_was_open_then(told: Writer, tape: Tape) -> None:
    then = await problems.problems(told.connection, "shop", at=at(tape, "ProblemAcknowledged"))
    assert [(one["problem"], one["state"], one["acknowledged"]["by"]) for one in then] == [("P-1", "open", "anton")]


async def test_by_environment_and_by_release(told: Writer) -> None:
    for chosen, expected in (
        ({"environment": "sandbox"}, ["P-1"]),
        ({"release": "4.12.0"}, ["P-2", "P-1"]),
        ({"environment": "stage"}, []),
    ):
        found = await problems.problems(told.connection, "shop", state="all", **chosen)  # type: ignore[arg-type]
        assert [one["problem"] for one in found] == expected
    first = await problems.problems(told.connection, "shop", state="all", limit=1)
    rest = await problems.problems(told.connection, "shop", state="all", before=first[-1]["reported_position"])
    assert [one["problem"] for one in rest] == ["P-1"]


async def test_a_reopened_problem_keeps_its_place_and_loses_its_resolution(told: Writer) -> None:
    tape = Tape("reopened")
    first = reported(tape, "P-1", "stage", None)
    reported(tape, "P-2", "stage", None)
    tape.add("x", prob.ReactionOverdue(problem="P-1", due_at=tape.now))
    tape.add("x", prob.ProblemResolved(problem="P-1", how="restarted"))
    tape.add(
        "x",
        prob.ProblemReopened(
            problem="P-1",
            reason="again",
            environment="stage",
            title="quotes freeze",
            severity="high",
            source="person",
            react_by=tape.now + timedelta(hours=1),
        ),
    )
    await told.write("reopened", [tape.events])
    before = await problems.problem(told.connection, "reopened", "P-1", at=tape.position - 1)
    assert before is not None
    assert (before["state"], before["resolution"]["how"], before["overdue"]["state"]) == (
        "resolved",
        "restarted",
        "overdue",
    )
    after = await problems.problem(told.connection, "reopened", "P-1")
    assert after is not None
    assert (after["state"], after["resolution"], after["overdue"], after["severity"]) == ("open", None, None, "high")
    assert (after["reported_position"], after["reporter"], after["version"]) == (first, "qa-1", 4)
    listed = await problems.problems(told.connection, "reopened")
    assert [one["problem"] for one in listed] == ["P-2", "P-1"]


async def test_an_unknown_problem_is_none(told: Writer) -> None:
    assert await problems.problem(told.connection, "shop", "P-99") is None
