"""Which releases there are, what each is made of, and how far it is."""

from __future__ import annotations

from interlock.projections import releases
from tests.projections.answers import Writer
from tests.projections.story import digest
from tests.projections.tape import Tape
from tests.projections.test_environment_state import at


async def test_open_ones_are_listed_newest_first_and_closed_ones_on_request(told: Writer, tape: Tape) -> None:
    found = await releases.releases(told.connection, "shop")
    assert [(one["release"], one["state"], one["kind"], one["problem"]) for one in found] == [
        ("4.12.1", "held", "hotfix", "P-2")
    ]
    everything = await releases.releases(told.connection, "shop", state="all")
    assert [one["release"] for one in everything] == ["4.12.1", "4.12.0"]
    page = await releases.releases(told.connection, "shop", state="all", before=everything[0]["opened_position"])
    assert page == everything[1:]
    then = await releases.releases(told.connection, "shop", at=at(tape, "DeployStarted", deploy="D-5"))
    assert [(one["release"], one["state"]) for one in then] == [("4.12.0", "open")]


async def test_a_release_knows_where_it_is_and_where_it_was(told: Writer, tape: Tape) -> None:
    done = await releases.release(told.connection, "shop", "4.12.0", at=at(tape, "ReleaseCompleted"))
    assert done is not None
    assert done["state"] == "completed"
    assert done["in"] == ["production", "sandbox", "sandbox-anton", "stage", "tests"]
    now = await releases.release(told.connection, "shop", "4.12.0")
    assert now is not None
    assert "production" not in now["in"]
    assert now["environments"]["production"]["state"] == "replaced"
    assert now["environments"]["production"]["replaced_by"] == "4.11.0"


async def test_evidence_holds_only_for_the_content_it_was_made_of(told: Writer, tape: Tape) -> None:
    second = at(tape, "ReleaseContentSet", content_digest=digest("second"))
    confirmed = await releases.release(told.connection, "shop", "4.12.0", at=second - 1)
    assert confirmed is not None
    assert confirmed["evidence"]["development"]["holds_for_content"]
    after = await releases.release(told.connection, "shop", "4.12.0", at=second)
    assert after is not None
    assert after["evidence"]["development"] is None
    found = await releases.release(told.connection, "shop", "4.12.0")
    assert found is not None
    evidence = found["evidence"]
    assert evidence["tests"]["holds_for_content"]
    assert (evidence["tests"]["state"], evidence["tests"]["counts"]["passed"]) == ("passed", 412)
    assert (evidence["qa"]["sandbox"]["state"], evidence["qa"]["stage"]["areas"]) == ("approved", ["quotes"])
    assert (evidence["review"]["by"], evidence["migration"]["state"]) == ("reviewer-1", "passed")


async def test_its_content_deploys_problems_and_version_are_there(told: Writer, tape: Tape) -> None:
    found = await releases.release(told.connection, "shop", "4.12.0")
    assert found is not None
    assert found["content"]["content_digest"] == digest("second")
    assert len(found["content"]["commits"]) == 1
    assert [(one["deploy"], one["state"]) for one in found["deploys"]] == [
        ("D-1", "succeeded"),
        ("D-2", "succeeded"),
        ("D-3", "succeeded"),
        ("D-4", "succeeded"),
        ("D-5", "failed"),
        ("D-6", "succeeded"),
    ]
    assert {name: one["state"] for name, one in found["problems"].items()} == {"P-1": "dismissed", "P-2": "open"}
    assert found["version"] == max(e.version for e in tape.events if e.stream == "release/4.12.0")


async def test_lead_time_tells_how_much_of_it_was_waiting_for_the_window(told: Writer, tape: Tape) -> None:
    found = await releases.release(told.connection, "shop", "4.12.0")
    assert found is not None
    opened = tape.events[at(tape, "ReleaseOpened") - 1].recorded_at
    completed = tape.events[at(tape, "ReleaseCompleted") - 1].recorded_at
    assert found["lead_time"]["seconds"] == (completed - opened).total_seconds()
    assert found["lead_time"]["waited_for_window_seconds"] == 600 * 60
    waiting = await releases.release(told.connection, "shop", "4.12.0", at=at(tape, "DeployRequested", deploy="D-5"))
    assert waiting is not None
    assert waiting["lead_time"]["waiting_since"] is not None
    assert waiting["lead_time"]["seconds"] is None


async def test_the_timeline_has_what_happened_to_it_elsewhere_too(told: Writer) -> None:
    lines = await releases.timeline(told.connection, "shop", "4.12.0")
    assert [line["position"] for line in lines] == sorted(line["position"] for line in lines)
    types = {line["type"] for line in lines}
    assert {
        "ReleaseOpened",
        "LeaseGranted",
        "DataRestored",
        "ProblemReported",
        "ProblemAcknowledged",
        "ActionRefused",
        "TestRunStarted",
        "DataErased",
    } <= types
    page = await releases.timeline(told.connection, "shop", "4.12.0", after=lines[4]["position"], limit=3)
    assert page == lines[5:8]


async def test_an_unknown_release_is_none(told: Writer, tape: Tape) -> None:
    assert await releases.release(told.connection, "shop", "9.9.9") is None
    assert await releases.release(told.connection, "shop", "4.11.0") is None
    assert await releases.release(told.connection, "shop", "4.12.0", at=at(tape, "ReleaseOpened") - 1) is None
