"""What runs where, since when, and what its data is."""

from __future__ import annotations

from typing import Any

from interlock.projections import environment_state
from tests.projections.answers import Writer
from tests.projections.tape import Tape


def at(tape: Tape, name: str, number: int = 0, **fields: Any) -> int:
    """The position of an event of this type."""
    found = [
        e.position
        for e in tape.events
        if e.type == name and all(getattr(e.event, key) == value for key, value in fields.items())
    ]
    return found[number]


async def production(told: Writer, position: int | None = None) -> Any:
    return await environment_state.environment(told.connection, "shop", "production", at=position)


async def test_the_base_that_was_declared_runs_until_a_deploy_starts(told: Writer, tape: Tape) -> None:
    started = at(tape, "DeployStarted", deploy="D-5")
    before = (await production(told, started - 1))["occupancy"]
    assert (before["state"], before["release"], before["by"]) == ("occupied", "4.11.0", "admin-2")
    during = await production(told, started)
    assert (during["occupancy"]["state"], during["occupancy"]["release"]) == ("deploying", "4.12.0")
    assert during["last_sure"]["release"] == "4.11.0"
    assert (during["lease"]["kind"], during["lease"]["holder"]) == ("deploy", "ci-1")


async def test_a_deploy_that_left_it_unchanged_gives_the_occupant_back_with_its_own_since(
    told: Writer, tape: Tape
) -> None:
    baseline = at(tape, "EnvironmentBaselined")
    found = await production(told, at(tape, "DeployFailed"))
    assert (found["occupancy"]["release"], found["occupancy"]["position"]) == ("4.11.0", baseline)


async def test_the_new_occupant_says_what_it_replaced_and_who_put_it_there(told: Writer, tape: Tape) -> None:
    done = at(tape, "DeploySucceeded", deploy="D-6")
    found = (await production(told, done))["occupancy"]
    assert found["position"] == done
    assert (found["release"], found["replaced_release"], found["executor"]) == ("4.12.0", "4.11.0", "ci-1")


async def test_what_ran_there_is_listed_newest_first(told: Writer, tape: Tape) -> None:
    found = await environment_state.occupants(told.connection, "shop", "production")
    sure = [(one["release"], one["until_position"]) for one in found if one["state"] == "occupied"]
    assert [release for release, _ in sure] == ["4.11.0", "4.12.0", "4.11.0", "4.11.0"]
    assert sure[0][1] is None
    assert sure[1][1] == at(tape, "DeployStarted", deploy="D-7")
    older = await environment_state.occupants(
        told.connection, "shop", "production", before=found[1]["since_position"], limit=2
    )
    assert older == found[2:4]


async def test_the_datas_lineage_is_told(told: Writer, tape: Tape) -> None:
    stage = await environment_state.environment(told.connection, "shop", "stage")
    assert stage is not None
    assert (stage["data"]["state"], stage["data"]["source"], stage["data"]["source_release"]) == (
        "restored",
        "production",
        "4.11.0",
    )
    assert stage["schema"]["schema_digest"] == tape.events[at(tape, "StageMigrated") - 1].event.schema_after
    tests = await environment_state.environment(told.connection, "shop", "tests")
    assert tests is not None
    assert (tests["data"]["state"], tests["last_run"]["state"], tests["run"]) == ("erased", "passed", None)


async def test_while_a_test_run_goes_on_it_is_shown(told: Writer, tape: Tape) -> None:
    tests = await environment_state.environment(told.connection, "shop", "tests", at=at(tape, "TestRunStarted"))
    assert tests is not None
    assert (tests["run"]["run"], tests["run"]["release"], tests["last_run"]) == ("R-1", "4.12.0", None)


async def test_logs_identity_and_owner_are_shown(told: Writer) -> None:
    found = await production(told)
    assert (found["logs"]["state"], found["identity"]["database"]) == ("clean", "production")
    sandbox = await environment_state.environment(told.connection, "shop", "sandbox-anton")
    assert sandbox is not None
    assert sandbox["owner"]["principal"] == "anton"


async def test_before_anything_happened_there_is_nothing(told: Writer) -> None:
    assert await environment_state.environments(told.connection, "shop", at=0) == []
    assert await environment_state.environment(told.connection, "elsewhere", "production") is None
