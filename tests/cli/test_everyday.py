"""A release's way, and what people do beside it, by `dt` alone; every call a process against a real server."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import pytest

from interlock.cli.content import digest_of_file
from tests.cli.story import ENVIRONMENTS, FEEDS, digest, identity
from tests.cli.terminal import Done, Terminal
from tests.fixtures.server import Served

JUNIT = """<testsuites><testsuite name="all" timestamp="2026-11-16T08:00:00">
<testcase classname="quotes" name="test_gap_fill"/><testcase classname="orders" name="test_place"/>
<testcase classname="orders" name="test_slow"><skipped/></testcase>{more}</testsuite></testsuites>"""
RED = '<testcase classname="orders" name="test_race"><failure message="timed out"/></testcase>'


@pytest.fixture
def terminal(server: Served, tmp_path: Path) -> Terminal:
    home = tmp_path / "home"
    home.mkdir()
    return Terminal(home, server.url, server.project, server.now)


def done(terminal: Terminal, text: str, *more: str, who: str = "anton") -> Done:
    """Call it; it must work."""
    found = terminal.dt(*text.split(), *more, who=who)
    assert found.code == 0, f"dt {text}\n{found.stdout}{found.stderr}"
    return found


def twice(terminal: Terminal, words: Sequence[str]) -> None:
    """One administrator asks, the other confirms."""
    asked = terminal.dt(*words, "--json", who="admin-1")
    assert asked.code == 0, asked.stdout
    [ask] = [event["data"]["ask"] for event in asked.json["events"] if event["type"] == "SecondPersonAsked"]
    done(terminal, f"confirm {ask}", who="admin-2")


def set_up(terminal: Terminal) -> None:
    for environment in ENVIRONMENTS:
        named = identity(environment)
        done(terminal, f"env register {environment} --system-identifier {named['system_identifier']} "
             f"--database {named['database']}", who="admin-1")  # fmt: skip
    for environment, feed in FEEDS.items():
        done(terminal, f"env feed {environment}", feed, who="rm-1")


def deploy(terminal: Terminal, name: str, environment: str) -> None:
    found = ["--found-feed", FEEDS[environment]] if environment in FEEDS else []
    done(terminal, f"deploy {name} {environment}")
    done(terminal, f"deploy start {name} {environment} --as-registered", *found, who="ci-1")
    told = done(terminal, f"deploy finish {name} {environment} --as-asked", who="ci-1")
    assert f"{environment} now runs {name}" in told.stdout


def repository(home: Path) -> Path:
    """A repository with a tagged base and two commits after it, one of them by a member of the team."""
    path = home / "trader"
    path.mkdir()

    def git(*words: str) -> None:
        subprocess.run(["git", "-C", str(path), *words], check=True, capture_output=True)

    git("init", "-q")
    for number, author in enumerate(
        ("Somebody <else@example.org>", "Dev Two <dev-2@example.org>", "A B <ab@example.org>")
    ):
        (path / "file").write_text(str(number), encoding="utf-8")
        git("add", "file")
        git("-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "-q", "-m", f"change {number}",
            "--author", author)  # fmt: skip
        if number == 0:
            git("tag", "v1")
    return path


def test_a_release_goes_from_its_developers_sandbox_to_stage_by_dt_alone(terminal: Terminal) -> None:
    # Long: one release's way told in order, command by command.
    set_up(terminal)
    home = terminal.home
    path = repository(home)
    base = subprocess.run(["git", "-C", str(path), "rev-parse", "v1"], check=True, capture_output=True, text=True)
    twice(terminal, [
        "env", "baseline", "production", "--release", "0.9.0", "--content", digest("0.9.0"), "--yes",
        "--artifact", f"pkg:oci/trader@0.9.0={digest('image')}", "--head", f"trader={base.stdout.strip()}",
        "--schema", digest("a"),
    ])  # fmt: skip
    (home / "image").write_bytes(b"bytes of the artifact")
    (home / "0200.sql").write_bytes(b"alter table")
    done(terminal, "release new 1.0.0 --affects quotes --title", "The first one")
    made = done(
        terminal, f"release content 1.0.0 --from-git {path} v1..HEAD --artifact-file pkg:oci/trader@1.0.0=image "
        "--compatible-migration 0200=0200.sql --adds-functionality --new-test quotes.test_gap_fill "
        "--unknown-authors --json"
    ).json  # fmt: skip
    [content] = [event["data"] for event in made["events"] if event["type"] == "ReleaseContentSet"]
    assert [commit["author"].partition(":")[0] for commit in content["commits"]] == ["git", "dev-2"]
    assert content["head"][0]["repository"] == "trader"
    assert content["contains"] == ["0.9.0"]
    deploy(terminal, "1.0.0", "sandbox-anton")
    done(terminal, "release confirm 1.0.0")
    deploy(terminal, "1.0.0", "tests")

    (home / "red.xml").write_text(JUNIT.format(more=RED), encoding="utf-8")
    (home / "green.xml").write_text(JUNIT.format(more=""), encoding="utf-8")
    done(terminal, "test-run start --as-registered", who="ci-1")
    red = terminal.dt("test-run", "report", "--junit", "red.xml", who="ci-1")
    assert (red.code, "TestsFailed" in red.stdout) == (10, True)
    done(terminal, "test-run start --as-registered", who="ci-1")
    done(terminal, "test-run abort -m", "wrong branch", who="ci-1")
    done(terminal, "test-run start --as-registered", who="ci-1")
    assert "2 passed, 0 failed, 1 skipped" in done(terminal, "test-run report --junit green.xml", who="ci-1").stdout

    deploy(terminal, "1.0.0", "sandbox")
    assert terminal.dt("gate", "check", "1.0.0", "stage").code == 3
    waited = terminal.dt("gate", "wait", "1.0.0", "stage", "--timeout", "1s")
    assert (waited.code, "waiting for manual-qa-approved" in waited.stderr) == (8, True)
    done(terminal, "qa approve 1.0.0 --env sandbox --area quotes", who="qa-1")
    assert terminal.dt("gate", "check", "1.0.0", "stage").code == 0
    assert terminal.dt("gate", "wait", "1.0.0", "stage").code == 0
    deploy(terminal, "1.0.0", "stage")
    done(terminal, f"review approve 1.0.0 --range v1..HEAD --from-git {path}", who="reviewer-1")
    restored = done(terminal, "env restored stage --from production --as-registered --snapshot nightly --taken-at",
                    "2026-11-16 08:00", "--schema", digest("a"), who="ci-1")  # fmt: skip
    assert ("LeaseGranted" in restored.stdout, "DataRestored" in restored.stdout) == (True, True)
    migration = digest_of_file(home / "0200.sql")
    migrated = done(
        terminal, f"stage migrated 1.0.0 --as-registered --found-schema {digest('a')} --before {digest('a')} "
        f"--after {digest('b')} --migrated 0200={migration}=900", who="ci-1",
    )  # fmt: skip
    assert "StageMigrated" in migrated.stdout
    done(terminal, "qa approve 1.0.0 --env stage --area orders --area quotes --area positions", who="qa-2")
    assert "ManualQAApproved" in done(terminal, "release timeline 1.0.0").stdout
    refused = terminal.dt("deploy", "1.0.0", "production", who="rm-1")
    assert (refused.code, "--at-window" in refused.stderr) == (3, True), refused.stderr
    assert "1.0.0: its gates" in done(terminal, "release why 1.0.0").stdout
    done(terminal, "deploy 1.0.0 production --at-window", who="rm-1")
    done(terminal, "deploy cancel 1.0.0 production -m", "not this week", who="rm-1")


def test_a_change_prints_its_event_its_position_and_its_page(terminal: Terminal) -> None:
    opened = terminal.dt("release", "new", "4.12.0", "--title", "Quotes")
    assert opened.code == 0
    assert "✓ ReleaseOpened @" in opened.stdout
    assert f"{terminal.url}/p/demo/releases/4.12.0" in opened.stdout
    assert "next  dt release content 4.12.0" in opened.stderr


def test_a_refusal_as_json_is_the_problem_with_its_decision_and_next(terminal: Terminal) -> None:
    done(terminal, "release new 4.12.0 --title Quotes")
    refused = terminal.dt("deploy", "4.12.0", "tests", "--json")
    assert (refused.code, refused.stderr, refused.json["exit_code"]) == (3, "", 3)
    assert refused.json["decision"]["result"] == "refused"
    assert all({"command", "why"} <= set(step) for step in refused.json["next"])


def test_the_same_key_is_one_intent_with_one_effect(terminal: Terminal) -> None:
    words = ["release", "new", "4.12.0", "--title", "Quotes", "--json", "--idempotency-key", str(uuid4())]
    first, second = terminal.dt(*words).json, terminal.dt(*words).json
    assert first["position"] == second["position"]
    assert [event["position"] for event in first["events"]] == [event["position"] for event in second["events"]]


def test_people_look_after_problems_holds_and_freezes(terminal: Terminal) -> None:
    done(terminal, "release new 4.12.0 --title Quotes")
    assert "ProblemReported" in done(terminal, "problem report sandbox", "quotes freeze", who="qa-2").stdout
    assert "P-1" in done(terminal, "problem list").stdout
    done(terminal, "problem ack P-1", who="qa-1")
    assert "qa-1 looks after it" in done(terminal, "problem show P-1").stdout
    done(terminal, "problem resolve P-1 --how", "restarted the feed", who="qa-1")
    done(terminal, "problem reopen P-1 -m", "again", who="qa-2")
    done(terminal, "problem dismiss P-1 -m", "a wrong clock", who="qa-1")
    assert "no problem is open" in done(terminal, "problem list").stdout
    assert "dismissed" in done(terminal, "problem list --all").stdout
    done(terminal, "release hold 4.12.0 -m", "not now", who="rm-1")
    assert "held" in done(terminal, "release list").stdout
    done(terminal, "release unhold 4.12.0 -m", "now", who="rm-1")
    done(terminal, "env freeze stage -m", "an audit", "--until", "2026-11-20 12:00", who="rm-1")
    assert "frozen" in done(terminal, "env show stage").stdout
    assert "frozen" in done(terminal, "env list").stdout
    done(terminal, "env unfreeze stage -m", "it is over", who="rm-1")
    done(terminal, "env corrupt sandbox -m", "half a restore")
    done(terminal, "env clean sandbox -m", "looked at it", who="qa-1")
    done(terminal, "env observe sandbox --kind other --source mail --what", "somebody restarted it")
    assert terminal.dt("release", "withdraw", "4.12.0", "-m", "x").code == 2, "nobody can be asked here"
    done(terminal, "release withdraw 4.12.0 --yes -m", "given up")
    assert "withdrawn" in done(terminal, "release list --all").stdout


def test_the_record_is_read_remarked_on_and_watched(terminal: Terminal) -> None:
    made = done(terminal, "release new 4.12.0 --title Quotes --json").json
    position = made["position"]
    done(terminal, f"annotate {position}", "for the demo")
    shown = done(terminal, f"audit show @{position}").stdout
    assert "ReleaseOpened" in shown
    assert "for the demo" in shown
    assert json.loads(done(terminal, f"audit show {position} --bytes").stdout)["type"] == "ReleaseOpened"
    assert "ReleaseOpened" in done(terminal, "audit log --release 4.12.0 --who anton").stdout
    assert "ReleaseOpened" in done(terminal, "release timeline 4.12.0").stdout
    watched = done(terminal, f"watch --after {position - 1} --count 2 --json")
    assert [json.loads(row)["type"] for row in watched.stdout.splitlines()] == ["ReleaseOpened", "Annotated"]
    before = done(terminal, f"release list --at {position - 1}")
    assert "no release is open" in before.stdout


def test_windows_are_told_as_lines_and_as_a_calendar(terminal: Terminal) -> None:
    told = done(terminal, "window next")
    assert "opens  Sat 2026-11-21 09:00 GMT (in 5 d 1 h), closes 12:00" in told.stdout
    calendar = done(terminal, "window list production --count 2 --ics").stdout
    assert calendar.count("BEGIN:VEVENT") == 2
    assert "DTSTART:20261121T090000Z" in calendar
    assert "open " in done(terminal, "window next --at", "2026-11-21 09:30").stdout
    assert "at any time" in done(terminal, "window next sandbox").stdout


def test_a_policy_is_proposed_by_one_person_and_approved_by_another(terminal: Terminal) -> None:
    document = json.loads(done(terminal, "policy show --document").stdout)
    document["nightly_grace_minutes"] = 60
    (terminal.home / "policy.json").write_text(json.dumps(document), encoding="utf-8")
    done(terminal, "policy propose policy.json -m", "look earlier", who="admin-1")
    assert "nightly_grace_minutes  120  → 60" in done(terminal, "policy show --proposals").stdout
    assert terminal.dt("policy", "approve", "2", who="admin-1").code == 3
    done(terminal, "policy approve 2", who="admin-2")
    assert done(terminal, "policy show --json").json["version"] == 2
    done(terminal, "policy propose policy.json -m", "again", who="admin-1")
    done(terminal, "policy reject 3 -m", "nothing new", who="admin-2")


def test_what_waits_for_a_second_person_can_be_declined(terminal: Terminal) -> None:
    asked = terminal.dt("team", "grant", "dev-2", "tester", "--json", who="admin-1").json
    [ask] = [event["data"]["ask"] for event in asked["events"]]
    assert ask in done(terminal, "confirm", who="admin-2").stdout
    done(terminal, f"decline {ask} -m", "not a tester", who="admin-2")
    assert "nothing waits" in done(terminal, "confirm", who="admin-2").stdout
    asks = [
        terminal.dt("team", "grant", "dev-2", role, "--json", who="admin-1").json["events"][0]["data"]["ask"]
        for role in ("tester", "reviewer")
    ]
    both = done(terminal, "confirm --json", *asks, who="admin-2").json
    assert [event["type"] for event in both["events"]] == ["SecondPersonConfirmed", "RoleGranted"] * 2
    one_key = terminal.dt("confirm", *asks, "--idempotency-key", str(uuid4()), who="admin-2")
    assert (one_key.code, "one at a time" in one_key.stderr) == (2, True)
    half = terminal.dt("env", "register", "tests", "--database", "tests", who="admin-1")
    assert (half.code, "belong together" in half.stderr) == (2, True)
    nowhere = terminal.dt("env", "register", "tests", who="admin-1")
    assert (nowhere.code, "environments.tests: it is missing" in nowhere.stderr) == (2, True)
    unsaid = terminal.dt("env", "feed", "sandbox", who="rm-1")
    assert (unsaid.code, "name the FEED" in unsaid.stderr) == (2, True)
    assert "developer" in done(terminal, "team list").stdout
    done(terminal, "team revoke dev-2 developer --yes -m", "left", who="admin-1")
    done(terminal, "team deactivate dev-2 --yes -m", "left", who="admin-1")


def test_the_test_clock_is_set_by_now_and_never_goes_back(terminal: Terminal) -> None:
    later = done(terminal, "status --json --now", "2026-11-16 09:00").json
    assert later["now"] == "2026-11-16T09:00:00Z"
    back = terminal.dt("status")
    assert back.code == 2
    assert "never goes back" in back.stderr
