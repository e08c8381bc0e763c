"""`dt deploy` deploys: real commands, really looked at, and the record says what was seen to be so."""

from __future__ import annotations

import os
import signal

import pytest

from tests.runners.deployable import Places
from tests.runners.test_child import state_of

HERE = "sandbox-anton"
OTHER = f"sha256:{'5' * 64}"


# -- what is deployed


def test_what_was_asked_for_is_run_looked_at_and_recorded(places: Places) -> None:
    name = places.asked()
    done = places.dt(f"deploy {name} {HERE}")
    assert done.code == 0, done.stderr
    assert "| switching to" in done.stderr
    assert "DeploySucceeded" in done.stdout
    assert places[HERE].runs == places.content(name)
    [succeeded] = places.events(name, "DeploySucceeded")
    assert succeeded["data"]["observed_digest"] == places.content(name)
    assert places.state()["occupancy"]["release"] == name
    # It was asked for once: the executor picked the request up.
    assert places.happened(name).count("DeployRequested") == 1


def test_the_command_is_told_what_it_deploys_and_never_interlock_s_own_token(places: Places) -> None:
    name = places.asked()
    before = places[HERE].runs
    assert places.dt(f"deploy {name} {HERE}").code == 0
    facts = places[HERE].facts
    [started] = places.events(name, "DeployStarted")
    told = {
        "INTERLOCK_RELEASE": name,
        "INTERLOCK_ENVIRONMENT": HERE,
        "INTERLOCK_CONTENT_DIGEST": places.content(name),
        "INTERLOCK_DEPLOY": started["data"]["deploy"],
        "INTERLOCK_LEASE": started["data"]["lease"],
        "INTERLOCK_FENCING_TOKEN": str(started["data"]["fencing_token"]),
        "INTERLOCK_INTENT": "deploy",
    }
    if before is not None:
        told["INTERLOCK_REPLACED_DIGEST"] = before
    assert {fact: facts[fact] for fact in told} == told
    assert "INTERLOCK_TOKEN" not in facts


def test_what_the_command_wrote_is_kept_as_evidence_without_the_passwords_that_it_was_given(places: Places) -> None:
    secret = "postgresql://shop:very-s%40fe@db.example.org/shop"
    name = places.asked()
    places[HERE].does('echo "to $SHOP_DSN"', "echo 'as very-s@fe'")
    assert places.dt(f"deploy {name} {HERE}", SHOP_DSN=secret).code == 0
    [succeeded] = places.events(name, "DeploySucceeded")
    kept = places.served["anton"].get_evidence(succeeded["data"]["log"]).decode()
    assert kept == f"to postgresql://shop:***@db.example.org/shop\nswitching to {name}\nas ***\n"

    other = places.asked()
    places[HERE].does("echo 'there is no room'; exit 4")
    assert places.dt(f"deploy {other} {HERE}").code == 11
    [failed] = places.events(other, "DeployFailed")
    assert places.served["anton"].get_evidence(failed["data"]["log"]) == b"there is no room\n"
    # A report names what is kept, or nothing.
    fields = {"release": other, "deploy": failed["data"]["deploy"], "fencing_token": 1, "phase": "run", "error": "?"}
    problem = places.served.refused(
        "ci-1", "ReportDeployFailed", {**fields, "environment_left": "unchanged", "log": OTHER}
    )
    assert "put the evidence first" in problem["detail"]


def test_what_it_leaves_running_goes_on(places: Places) -> None:
    name = places.asked()
    places[HERE].does(after="setsid sleep 300 > /dev/null 2>&1 & echo $! > daemon")
    assert places.dt(f"deploy {name} {HERE}").code == 0
    daemon = int((places[HERE].folder / "daemon").read_text())
    assert state_of(daemon) not in {None, "Z", "X"}
    os.kill(daemon, signal.SIGKILL)


def test_who_may_not_execute_is_told_who_may_and_nothing_is_run(places: Places) -> None:
    name = places.developed()
    before = places[HERE].runs
    done = places.dt(f"deploy {name} {HERE}", who="anton")
    assert done.code == 0
    assert "DeployRequested" in done.stdout
    assert "by ci-1" in done.stderr
    assert places[HERE].runs == before
    assert "DeployStarted" not in places.happened(name)


def test_where_no_command_is_configured_somebody_else_begins_it(places: Places) -> None:
    name = places.developed()
    elsewhere_file = places.terminal.home / "without.toml"
    elsewhere_file.write_text("", encoding="utf-8")
    done = places.dt(f"deploy {name} {HERE}", who="anton", INTERLOCK_CONFIG=str(elsewhere_file))
    assert done.code == 0
    assert f"dt deploy start {name} {HERE}" in done.stderr


def test_a_dry_run_shows_every_check_and_what_would_be_done_and_records_nothing(places: Places) -> None:
    name = places.developed()
    before, runs = places.position(), places[HERE].runs
    done = places.dt(f"deploy {name} {HERE} --dry-run", who="anton")
    assert done.code == 0
    for word in ("environment-free", "data-feed-correct", "deploy.sh is run", "must say that the content runs"):
        assert word in done.stdout
    refused = places.dt(f"deploy {name} production --dry-run --json", who="anton")
    assert refused.code == 3
    assert refused.json["decision"]["result"] == "refused"
    assert "4.11.2 is displaced" in refused.json["plan"]
    assert (places.position(), places[HERE].runs) == (before, runs)


# -- what went wrong


@pytest.mark.parametrize(
    "before, after, phase, left",
    [
        ("exit 4", "", "run", "unchanged"),
        ("", "exit 4", "run", "partial"),
        (f"echo {OTHER} > runs; exit 4", "", "run", "other"),
        ("rm -f runs; exit 4", "", "run", "unknown"),
        ("kill -9 $$", "", "run", "unchanged"),
        ("", f"echo {OTHER} > runs", "verify", "other"),
        ("", "echo; echo two words > runs", "verify", "unknown"),
        ("", "rm runs", "verify", "unknown"),
    ],
)
def test_a_deploy_that_did_not_do_it_says_what_was_seen_to_be_left(
    places: Places, before: str, after: str, phase: str, left: str
) -> None:
    name = places.asked()
    places[HERE].runs = f"sha256:{'1' * 64}"
    places[HERE].does(before, after)
    done = places.dt(f"deploy {name} {HERE}")
    assert done.code == 11, done.stderr
    [failed] = places.events(name, "DeployFailed")
    assert (failed["data"]["phase"], failed["data"]["environment_left"]) == (phase, left)
    assert ("another content runs there" in failed["data"]["error"]) == ((phase, left) == ("verify", "other"))
    assert failed["data"].get("observed_digest") == (places[HERE].runs if left in {"partial", "other"} else
                                                     f"sha256:{'1' * 64}" if left == "unchanged" else None)  # fmt: skip
    assert (places.state()["occupancy"]["state"] == "unsure") == (left != "unchanged")
    assert ("dt env confirm" in done.stderr) == (left != "unchanged")


def test_an_environment_that_is_another_one_is_not_touched(places: Places) -> None:
    name, runs = places.asked(), places[HERE].runs
    script = places[HERE].folder / "identity.sh"
    kept = script.read_text()
    script.write_text("#!/bin/sh\necho production\n")
    try:
        done = places.dt(f"deploy {name} {HERE}")
    finally:
        script.write_text(kept)
    assert done.code == 9
    assert "this is production/command@-" in done.stderr
    assert places[HERE].runs == runs
    assert places.happened(name) == ["DeployRequested"]


def test_a_feed_of_the_wrong_kind_is_refused_before_anything_runs(places: Places) -> None:
    name, runs = places.asked(), places[HERE].runs
    feed = places[HERE].folder / "feed"
    kept = feed.read_text()
    feed.write_text("host=cloud.iexapis.com token=production\n")
    try:
        done = places.dt(f"deploy {name} {HERE}")
    finally:
        feed.write_text(kept)
    assert done.code == 3
    assert "data-feed-correct" in done.stderr
    assert places[HERE].runs == runs
    assert "DeployStarted" not in places.happened(name)


def test_a_command_that_is_not_there_is_found_out_before_anything_is_begun(places: Places) -> None:
    name = places.asked()
    script = places[HERE].folder / "deploy.sh"
    script.rename(script.with_suffix(".away"))
    try:
        done = places.dt(f"deploy {name} {HERE}")
    finally:
        script.with_suffix(".away").rename(script)
    assert done.code == 2
    assert "is not there, or cannot be run" in " ".join(done.stderr.split())
    assert "DeployStarted" not in places.happened(name)


def test_waiting_says_what_it_waits_for_and_goes_on(places: Places) -> None:
    name, other = places.asked(), places.asked()
    served = places.served
    freeze = {"environment": HERE, "reason": "the network is moved"}
    served["rm-1"].command("FreezeEnvironment", freeze)

    def later(seconds: float) -> None:
        served["rm-1"].command("UnfreezeEnvironment", {"environment": HERE, "reason": "moved"})

    done = places.dt(f"deploy {name} {HERE} --wait", pause=later)
    assert done.code == 0, done.stderr
    assert "waiting for no-freeze" in done.stderr
    served["rm-1"].command("FreezeEnvironment", freeze)
    pending = places.dt(f"deploy {other} {HERE} --wait --timeout 1s")
    served["rm-1"].command("UnfreezeEnvironment", {"environment": HERE, "reason": "moved"})
    assert pending.code == 8
