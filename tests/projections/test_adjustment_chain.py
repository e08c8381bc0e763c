"""How each adjustment went, step by step, and what became void by what."""

from __future__ import annotations

from typing import Any

from interlock.events.catalogue.environment import DataMarkedCorrupt
from interlock.events.catalogue.refusals import ActionRefused
from interlock.events.catalogue.team import OperatorDesignated, PrincipalDeactivated, RoleGranted, RoleRevoked
from interlock.projections import adjustment_chain, environment_state
from tests.projections.answers import Writer
from tests.projections.story import (
    adjustment_authorized,
    adjustment_begun,
    adjustment_executed,
    adjustment_failed,
    adjustment_rehearsed,
    adjustment_requested,
    adjustment_verified,
    digest,
    refused,
    started,
    succeeded,
)
from tests.projections.tape import Tape
from tests.projections.test_environment_state import at


async def chain(told: Writer, name: str = "ADJ-1", position: int | None = None, project: str = "shop") -> Any:
    found = await adjustment_chain.adjustment(told.connection, project, name, at=position)
    assert found is not None
    return found


def words(found: Any) -> list[str]:
    """Each step's word and who did it, but for leases; a void one with what voided it."""
    return [
        f"{step['step']} {step['by']}" + (f" (void by {step['void']['type']})" if step["void"] else "")
        for step in found["chain"]
        if "lease" not in step["step"]
    ]


async def test_the_chain_has_every_step_with_who_did_it_and_what_voided_it(told: Writer) -> None:
    assert words(await chain(told)) == [
        "requested anton (void by DataAdjustAmended)",
        "refused anton",
        "rehearsal failed ci-1 (void by DataAdjustRehearsed)",
        "rehearsed ci-1 (void by DataAdjustAmended)",
        "verified qa-1 (void by DataAdjustAmended)",
        "amended anton",
        "rehearsed ci-1",
        "verified qa-1 (void by DataAdjustExpired)",
        "verified qa-2 (void by OperatorDesignated)",
        "authorized qa-2 (void by OperatorDesignated)",
        "operator admin-2",
        "verified qa-3 (void by DataAdjustExpired)",
        "authorized qa-3 (void by DataAdjustExpired)",
        "expired watch",
        "verified qa-1",
        "verified qa-4 (void by RoleRevoked)",
        "role lost admin-1",
        "verified qa-3",
        "authorized qa-3",
        "backed up ben (void by DataAdjustFailed)",
        "started ben (void by DataAdjustFailed)",
        "failed ben",
        "backed up ben",
        "started ben",
        "executed ben",
        "result disputed qa-2",
        "remark qa-1",
        "requested anton",
        "reverted ben",
    ]


async def test_a_step_holds_until_the_position_where_something_voids_it(told: Writer, tape: Tape) -> None:
    amended = at(tape, "DataAdjustAmended")
    before = await chain(told, position=amended - 1)
    assert [step for step in before["chain"] if step["void"] and step["step"] != "rehearsal failed"] == []
    assert (before["stage"], before["verified_by"], before["bound_digest"]) == ("verified", ["qa-1"], digest("ADJ-1"))
    after = await chain(told, position=amended)
    assert (after["stage"], after["verified_by"], after["rehearsal"]) == ("requested", [], None)
    [requested] = [step for step in after["chain"] if step["step"] == "requested"]
    assert requested["void"] == {
        "position": amended,
        "at": after["chain"][-1]["at"],
        "by": "anton",
        "type": "DataAdjustAmended",
        "sentence": after["chain"][-1]["sentence"],
    }


async def test_a_step_tells_person_credential_time_position_digest_and_decision(told: Writer, tape: Tape) -> None:
    found = await chain(told)
    [*_, authorized] = [step for step in found["chain"] if step["step"] == "authorized"]
    recorded = tape.events[authorized["position"] - 1]
    assert (authorized["by"], authorized["by_kind"], authorized["credential"]) == ("qa-3", "person", None)
    assert authorized["at"] == recorded.recorded_at.isoformat().replace("+00:00", "Z")
    assert (authorized["digest"], authorized["version"]) == (digest("ADJ-1"), recorded.version)
    assert authorized["decision"]["action"] == "authorize ADJ-1"
    assert "decision" not in authorized["data"]
    [refused] = [step for step in found["chain"] if step["step"] == "refused"]
    assert [check["check"] for check in refused["decision"]["checks"]] == ["release-open", "release-window"]
    [backed_up, _] = [step for step in found["chain"] if step["step"] == "backed up"]
    assert (backed_up["digest"], backed_up["data"]["place"]) == (digest("backup"), "/backups/ADJ-1")


async def test_open_ones_are_listed_newest_first_and_the_others_by_their_state(told: Writer, tape: Tape) -> None:
    async def listed(**chosen: Any) -> list[tuple[str, str]]:
        found = await adjustment_chain.adjustments(told.connection, "shop", **chosen)
        return [(one["adjustment"], one["state"]) for one in found]

    assert await listed() == [("ADJ-2", "executed")]
    assert await listed(state="all") == [("ADJ-2", "executed"), ("ADJ-1", "reverted")]
    assert await listed(state="reverted") == [("ADJ-1", "reverted")]
    assert await listed(state="checked") == []
    assert await listed(at=at(tape, "DataAdjustResultDisputed")) == [("ADJ-1", "disputed")]
    first = await adjustment_chain.adjustments(told.connection, "shop", state="all", limit=1)
    rest = await adjustment_chain.adjustments(
        told.connection, "shop", state="all", before=first[-1]["requested_position"]
    )
    assert [one["adjustment"] for one in rest] == ["ADJ-1"]


async def test_what_it_was_executed_with_and_its_version_are_there(told: Writer, tape: Tape) -> None:
    found = await chain(told)
    assert (found["executed_by"], found["execution"]["rows"], found["backup"]["place"]) == (
        "ben",
        14,
        "/backups/ADJ-1",
    )
    assert found["attempt"]["marker"] == f"ADJ-1/{found['attempt']['fencing_token']}"
    assert (found["state"], found["reverted_by"], found["plan"]["risk"]) == ("reverted", "ADJ-2", "normal")
    assert found["version"] == max(e.version for e in tape.events if e.stream == "adjustment/ADJ-1")


async def test_an_unknown_outcome_stays_one_until_the_marker_told_it(told: Writer, tape: Tape) -> None:
    unknown = at(tape, "DataAdjustFailed", adjustment="ADJ-2")
    then = await chain(told, "ADJ-2", unknown)
    assert (then["stage"], then["attempt"]["marker"].partition("/")[0]) == ("unknown", "ADJ-2")
    now = await chain(told, "ADJ-2")
    assert (now["stage"], now["execution"]["by_marker"], now["lease"]) == ("executed", True, None)


async def test_every_designation_of_an_operator_ends_the_authorization_there(told: Writer) -> None:
    tape = Tape("designations")
    adjustment_requested(tape, "ADJ-1")
    adjustment_verified(tape, "ADJ-1", by="eva")
    adjustment_authorized(tape, "ADJ-1", operator="ben")
    tape.add("team", OperatorDesignated(environment="stage", principal="eva"))
    stays = tape.position
    tape.add("team", OperatorDesignated(environment="production", principal="eva", until=tape.now))
    await told.write("designations", [tape.events])
    before = await chain(told, position=stays, project="designations")
    assert (before["operator"], before["verified_by"], words(before)[-1]) == ("ben", ["eva"], "authorized watch")
    ended = await chain(told, project="designations")
    assert (ended["operator"], ended["verified_by"]) == (None, [])
    assert words(ended)[1:] == [
        "verified eva (void by OperatorDesignated)",
        "authorized watch (void by OperatorDesignated)",
        "operator anton",
    ]


async def test_who_loses_the_role_does_not_count_until_he_has_it_back(told: Writer) -> None:
    tape = Tape("roles")
    adjustment_requested(tape, "ADJ-1")
    adjustment_verified(tape, "ADJ-1", by="qa-1")
    tape.add("team", RoleRevoked(principal="qa-1", role="tester", reason="another task"))
    counts = tape.position
    tape.add("team", RoleRevoked(principal="qa-1", role="verifier", reason="another task"))
    lost = tape.position
    tape.add("team", RoleGranted(principal="qa-1", role="verifier"))
    await told.write("roles", [tape.events])
    seen = [await chain(told, position=position, project="roles") for position in (counts, lost, None)]
    assert [found["verified_by"] for found in seen] == [["qa-1"], [], ["qa-1"]]
    assert [words(found)[1:] for found in seen] == [
        ["verified qa-1"],
        ["verified qa-1 (void by RoleRevoked)", "role lost anton"],
        ["verified qa-1", "role lost anton", "role back anton"],
    ]


async def test_corrupt_data_voids_what_was_rehearsed_on_it(told: Writer) -> None:
    tape = Tape("corrupt")
    adjustment_requested(tape, "ADJ-1")
    adjustment_rehearsed(tape, "ADJ-1")
    tape.add("x", DataMarkedCorrupt(environment="sandbox", reason="half a restore"))
    tape.add("x", DataMarkedCorrupt(environment="stage", reason="half a restore"))
    await told.write("corrupt", [tape.events])
    assert (await chain(told, position=tape.position - 1, project="corrupt"))["stage"] == "rehearsed"
    found = await chain(told, project="corrupt")
    assert (found["stage"], words(found)[-2:]) == (
        "requested",
        ["rehearsed ci-1 (void by DataMarkedCorrupt)", "data corrupt anton"],
    )


async def test_what_happens_to_people_after_the_execution_voids_nothing(told: Writer) -> None:
    tape = Tape("afterwards")
    adjustment_requested(tape, "ADJ-1")
    adjustment_verified(tape, "ADJ-1", by="qa-1")
    adjustment_authorized(tape, "ADJ-1")
    adjustment_begun(tape, "ADJ-1")
    adjustment_executed(tape, "ADJ-1")
    tape.add("team", PrincipalDeactivated(principal="qa-1", reason="left"))
    tape.add("team", OperatorDesignated(environment="production", principal="qa-1"))
    await told.write("afterwards", [tape.events])
    found = await chain(told, project="afterwards")
    assert [step for step in found["chain"] if step["void"]] == []
    assert found["verified_by"] == ["qa-1"]


async def test_an_environment_tells_how_often_its_data_was_adjusted_since_its_occupant_came(told: Writer) -> None:
    found = await environment_state.environment(told.connection, "shop", "production")
    assert found is not None
    assert (found["adjusted"]["times"], found["adjusted"]["last"]["adjustment"]) == (2, "ADJ-2")
    assert found["adjusted"]["last"]["executed_by"] == "ben"
    stage = await environment_state.environment(told.connection, "shop", "stage")
    assert stage is not None
    assert stage["adjusted"] == {"times": 0, "last": None}


async def test_what_was_not_committed_is_not_counted_and_a_new_occupant_begins_anew(told: Writer) -> None:
    tape = Tape("counted")
    started(tape, "4.11.0", "base", "production", "D-0")
    succeeded(tape, "4.11.0", "base", "production", "D-0")
    adjustment_requested(tape, "ADJ-1")
    adjustment_begun(tape, "ADJ-1")
    adjustment_failed(tape, "ADJ-1", "rolled_back")
    none = tape.position
    adjustment_begun(tape, "ADJ-1")
    adjustment_executed(tape, "ADJ-1")
    once = tape.position
    started(tape, "4.12.0", "first", "production", "D-1")
    succeeded(tape, "4.12.0", "first", "production", "D-1")
    await told.write("counted", [tape.events])
    times = []
    for position in (none, once, None):
        found = await environment_state.environment(told.connection, "counted", "production", at=position)
        times.append(found and found["adjusted"]["times"])
    assert times == [0, 1, 0]


async def test_what_was_refused_before_it_was_asked_for_was_another_request(told: Writer) -> None:
    tape = Tape("refused-before")
    refusal = ActionRefused(
        action="request an adjustment",
        subject="adjustment/ADJ-1",
        fingerprint=digest("f"),
        decision=refused("request an adjustment", 0),
    )
    tape.add("refusals/anton", refusal)
    adjustment_requested(tape, "ADJ-1")
    await told.write("refused-before", [tape.events])
    assert words(await chain(told, project="refused-before")) == ["requested anton"]


async def test_an_unknown_adjustment_is_none(told: Writer, tape: Tape) -> None:
    assert await adjustment_chain.adjustment(told.connection, "shop", "ADJ-9") is None
    before = at(tape, "DataAdjustRequested") - 1
    assert await adjustment_chain.adjustment(told.connection, "shop", "ADJ-1", at=before) is None
