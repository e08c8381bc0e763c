"""Two releases to production, and the way back to the first, which is over by then; a server is killed on the way."""

from __future__ import annotations

from typing import Any

from tests.cli.story import Story, digest, event, observed
from tests.fixtures.server import Served, serving

PRODUCTION = "production"
# They ask what time it is, and between two positions time goes on.
TIMELY = frozenset({"release-window", "log-watch-current"})


def rehearsed(story: Story, release: str, *, base: str, snapshot: str) -> None:
    story.develop(release, contains=[base])
    story.to_sandbox(release)
    story.to_stage(release)
    story.rehearse(release, base=base, snapshot=snapshot)


def asked_again(served: Served, release: str, environment: str, at: int | str) -> list[dict[str, Any]]:
    """What the gate showed then. Who asked is no part of the gate's question."""
    decision = served["rm-1"].get(f"/releases/{release}/gates/{environment}", at=at)
    return [check for check in decision["checks"] if check["check"] != "role-held"]


def states(checks: list[dict[str, Any]]) -> dict[str, str]:
    return {check["check"]: check["state"] for check in checks if check["check"] not in TIMELY}


def asked_then(decision: dict[str, Any]) -> list[dict[str, Any]]:
    return [check for check in decision["checks"] if check["check"] != "role-held"]


def test_a_rollback_leads_to_a_release_that_is_over_and_gates_are_shown_as_they_were_decided(server: Served) -> None:
    # Long: one release's way told in order, through a kill and a rollback.
    story = Story(server)
    story.begin()
    story.at("11-24T09:00")
    rehearsed(story, "4.12.0", base="4.11.2", snapshot="11-24T07:00")
    story.open("4.13.0", "next")
    for release, environment in (("4.12.0", PRODUCTION), ("4.13.0", "stage"), ("4.13.0", "tests")):
        server.later(minutes=7)
        refused = server.refused("rm-1", "RequestDeploy", {"release": release, "environment": environment})
        assert asked_again(server, release, environment, refused["recorded"]) == asked_then(refused["decision"])
    story.read_logs("11-28T09:00")
    story.deploy("4.12.0", PRODUCTION)
    rehearsed(story, "4.12.1", base="4.12.0", snapshot="11-28T09:03")
    before = server["rm-1"].get("/status")
    server.process.kill()
    server.process.wait()

    with serving(server.config, "--test-clock") as second:
        second.at(server.now or "")
        story.served = second
        assert second["rm-1"].get("/status") == before
        story.read_logs("11-29T09:00")
        story.deploy("4.12.1", PRODUCTION)
        assert {second["anton"].get(f"/releases/{name}")["state"] for name in ("4.12.0", "4.12.1")} == {"completed"}
        wrong = story.by("qa-1", "ReportProblem", environment=PRODUCTION, title="orders stop", severity="critical")
        problem = event(wrong, "ProblemReported")["problem"]
        # Every gate that opened is shown as it was, too; then the release was open.
        decided = second["rm-1"].get("/events", after=0, limit=500, data="true", type="DeployRequested")["events"]
        assert len(decided) >= 10
        for each in decided:
            then, release = each["data"]["decision"], each["stream"].removeprefix("release/")
            again = asked_again(second, release, each["data"]["environment"], then["position"])
            assert then["result"] == "allowed"
            assert states(again) == states(asked_then(then))

        asked = event(story.by("rm-1", "RequestRollback", environment=PRODUCTION, problem=problem), "DeployRequested")
        assert asked["content_digest"] == story.contents["4.12.0"]
        shown = second["rm-1"].get("/environments/production")["occupancy"]
        assert (shown["state"], shown["release"]) == ("occupied", "4.12.1")
        started = story.by(
            "ci-1",
            "StartDeploy",
            release="4.12.0",
            deploy=asked["deploy"],
            observed=observed(PRODUCTION, schema_digest=digest("schema 208")),
        )
        story.later(minutes=1)
        story.by(
            "ci-1",
            "ReportDeploySucceeded",
            release="4.12.0",
            deploy=asked["deploy"],
            fencing_token=event(started, "DeployStarted")["fencing_token"],
            observed_digest=story.contents["4.12.0"],
            schema_digest=digest("schema 208"),
        )
        shown = second["rm-1"].get("/environments/production")["occupancy"]
        assert (shown["state"], shown["release"], shown["intent"]) == ("occupied", "4.12.0", "rollback")
        # There is no rollback forward.
        forward = second.refused("rm-1", "RequestDeploy", {"release": "4.12.1", "environment": PRODUCTION})
        assert "not-rolled-back" in {
            each["check"] for each in forward["decision"]["checks"] if each["state"] == "failed"
        }
