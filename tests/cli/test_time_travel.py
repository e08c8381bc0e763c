"""Every read shows the past as it was: what each said at a moment, it says for ever when asked about that moment."""
# Long: one table of every read, and the tests that ask each of them about the past.

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import click
import pytest

from interlock.cli.ending import run
from tests.api.adjusting import BEFORE, EFFECT, SCRIPT, UNDO, plan
from tests.cli.story import Story, identity
from tests.cli.terminal import Terminal
from tests.cli.test_command_line import EVERY
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.server import on_a_copy

# What reads and has no past, each with the reason. Whatever else changes nothing takes a moment.
NO_PAST = {
    "intake list": "dead letters are what came in, and no part of the record",
    "intake show": "dead letters are what came in, and no part of the record",
    "notify list": "who outside is told is a setting, and no part of the record",
    "notify failed": "messages on their way are no part of the record",
    "policy simulate": "it decides the whole record again, up to now",
    "audit recheck": "it decides the whole record again, up to now",
    "gate wait": "it waits for what is not yet",
    "watch": "it shows what comes",
    "projections list": "read models are made of the record and are no part of it",
    "init": "it writes a file here",
    "up": "it starts a server",
    "login": "what is stored on this machine",
    "logout": "what is stored on this machine",
    "doctor": "how this machine and the server are now",
    "completion": "a script",
    "help": "a text",
}
# What changes something and takes no key from outside: its keys are made of the attempt that it goes on with.
OWN_KEYS = {
    "adjust rehearse", "adjust execute", "env restore", "intake retry", "intake discard", "ledger restore",
    "logs check", "notify add", "notify remove", "notify retry", "notify test", "stage migrate", "stage restore",
    "sync", "test", "writes watch",
}  # fmt: skip
MOMENTS = ("--at",), ("--from", "--to")
# Each reading command, as it is asked; `EVENT` is the position of an event that is remarked upon later.
EVENT = "EVENT"
READS = (
    "status",
    "todo",
    "release list",
    "release list --all",
    "release show 4.12.0",
    "release why 4.12.0",
    "release why 4.12.0 stage",
    "release timeline 4.12.0",
    "gate check 4.12.0 stage",
    "env list",
    "env show production",
    "env show sandbox --past",
    "problem list",
    "problem list --all",
    "problem show P-1",
    "window next",
    "window list",
    "policy show",
    "policy show --proposals",
    "policy show 2",
    "policy diff 2",
    "adjust list",
    "adjust show ADJ-1",
    "adjust report ADJ-1",
    "policy show --document",
    "team list",
    "metrics",
    "audit log",
    "audit log --env production",
    f"audit show {EVENT}",
)


@dataclass
class Asked:
    """How a call ended and what it gave."""

    code: int
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def ask(terminal: Terminal, words: str, *more: str) -> Asked:
    """Call `dt` in this process: there are a hundred calls here."""
    said = io.StringIO()
    with (
        patch.dict(os.environ, terminal.environment("rm-1"), clear=True),
        redirect_stdout(said),
        redirect_stderr(io.StringIO()),
    ):
        code = run([*words.split(), *more, "--json"])
    return Asked(code, said.getvalue())


@dataclass
class Then:
    """What everything said at one moment, and where that was."""

    terminal: Terminal
    position: str
    instant: str
    event: str
    said: dict[str, Asked]

    def words(self, read: str) -> str:
        return read.replace(EVENT, self.event)


def before(story: Story) -> None:
    story.begin()
    story.at("11-24T09:02")
    story.develop("4.12.0", contains=["4.11.2"], migrations=1)
    story.to_sandbox("4.12.0")
    story.by("anton", "OpenRelease", name="4.11.9", kind="normal", title="Old things")
    document = story.served["admin-1"].get("/policy")["document"]
    story.by("admin-1", "ProposePolicy", document={**document, "lease_minutes": 12}, reason="shorter leases")
    for text in (SCRIPT, UNDO, BEFORE, EFFECT):
        story.served["anton"].put_evidence(text, "application/sql")
    targets = {"environment": "production", "identity": identity("production"), "tables": ["trades.fills"]}
    story.by("anton", "RequestAdjustment", plan=plan(targets=targets))
    story.at("11-24T10:00")
    story.by("rm-1", "FreezeEnvironment", environment="production", reason="quarter end")
    story.by("qa-2", "ReportProblem", environment="sandbox", title="quotes freeze", severity="high")


def afterwards(story: Story, event: int) -> None:
    """Whatever changes what the reads above say."""
    story.at("11-24T11:00")
    story.by("anton", "CancelAdjustment", adjustment="ADJ-1", reason="the feed's own correction came")
    story.by("anton", "Annotate", target=event, kind="correction", text="it was the other feed")
    story.by("anton", "AcknowledgeProblem", problem="P-1")
    story.by("qa-2", "ResolveProblem", problem="P-1", how="a cable")
    story.by("rm-1", "UnfreezeEnvironment", environment="production", reason="it is over")
    story.by("anton", "WithdrawRelease", release="4.11.9", reason="nobody wants it")
    [proposal] = story.served["admin-2"].get("/policy/proposals")["proposals"]
    story.by("admin-2", "ApprovePolicy", version=2, document_digest=proposal["document_digest"])
    story.served.by_two("GrantRole", {"principal": "dev-2", "role": "tester"})
    story.served.by_two("DesignateOperator", {"environment": "production", "principal": "dev-2"})
    story.to_stage("4.12.0")
    story.rehearse("4.12.0", base="4.11.2", migrations=1, snapshot="11-24T07:12")
    story.develop("4.13.0", contains=["4.12.0", "4.11.2"])
    story.to_sandbox("4.13.0")
    story.read_logs("11-24T13:14")
    story.read_logs("11-24T14:10")
    story.by(
        "anton",
        "ObserveFact",
        environment="production",
        kind="other",
        source="a phone call",
        description="the exchange was away",
        happened_at="2026-11-24T12:02:00+00:00",
    )
    story.by("qa-2", "ReportProblem", environment="production", title="orders are slow", severity="low")
    story.at("12-01T12:00")


@pytest.fixture(scope="module")
def then(
    postgres_server: PostgresServer, team_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Then]:
    """Every read, asked at one moment; then a week goes by."""
    home: Path = tmp_path_factory.mktemp("then")
    with on_a_copy(postgres_server, team_template, home, "back_then") as served:
        story = Story(served)
        before(story)
        terminal = Terminal(home, served.url, served.project, served.now)
        [event] = served["anton"].get("/events", type="EnvironmentFrozen")["events"]
        found = Then(terminal, "", f"{served.now:%Y-%m-%d %H:%M}", str(event["position"]), {})
        found.said = {read: ask(terminal, found.words(read)) for read in READS}
        found.position = str(found.said["status"].json["position"])
        afterwards(story, event["position"])
        terminal.now = served.now
        yield found


def leaves() -> dict[str, click.Command]:
    return {" ".join(path): command for path, command in EVERY.items() if not isinstance(command, click.Group)}


def options(command: click.Command) -> set[str]:
    return {name for parameter in command.params for name in parameter.opts}


def changes(command: click.Command) -> bool:
    """What changes something can be given again safely, so it takes a key."""
    return "--idempotency-key" in options(command)


@pytest.mark.parametrize("name, command", leaves().items(), ids=leaves())
def test_every_command_changes_something_or_takes_a_moment_or_says_why_not(name: str, command: click.Command) -> None:
    moment = any({*moment} <= options(command) for moment in MOMENTS)
    assert changes(command) + moment + (name in NO_PAST) + (name in OWN_KEYS) == 1, (
        "a read takes --at (cli/names.py) and stands in READS above; a change takes --idempotency-key; "
        "what is neither stands in NO_PAST, with the reason"
    )


def test_every_read_that_takes_a_moment_is_asked_below() -> None:
    takes = {name for name, command in leaves().items() if "--at" in options(command) and not changes(command)}
    asked = {name for name in leaves() for read in READS if f"{read} ".startswith(f"{name} ")}
    assert takes == asked


@pytest.mark.parametrize("read", READS)
def test_what_was_said_then_is_said_for_ever_and_is_not_what_is_so_now(then: Then, read: str) -> None:
    was, words = then.said[read], then.words(read)
    for at in (then.position, then.instant):
        again = ask(then.terminal, words, "--at", at)
        # A cursor leads on in the list that was asked in the same words.
        assert (again.code, without(again.json, "next_cursor")) == (was.code, without(was.json, "next_cursor")), at
    now = ask(then.terminal, words)
    moment = {"position", "now", "next_cursor"}
    assert (now.code, without(now.json, *moment)) != (was.code, without(was.json, *moment))


def without(document: dict[str, Any], *members: str) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in members}


def test_before_the_beginning_no_read_fails_in_another_way_than_that_nothing_was_there(then: Then) -> None:
    for read in READS:
        if read not in {"window next", "window list"}:
            found = ask(then.terminal, then.words(read), "--at", "0")
            assert found.code in {0, 5}, read


def test_a_comparison_of_an_environment_says_what_is_another_since_when_by_whom(then: Then) -> None:
    for environment in ("sandbox", "stage", "production"):
        then.terminal.shows(f"diff-env-{environment}", "diff", "env", environment, "--from", then.instant)


def test_a_comparison_of_two_moments_in_which_nothing_happened_says_so(then: Then) -> None:
    then.terminal.shows("diff-env-nothing", "diff", "env", "tests", "--from", then.position, "--to", then.instant)


def test_a_comparison_takes_two_moments_in_their_order(then: Then) -> None:
    found = then.terminal.dt("diff", "env", "stage", "--from", "2026-11-25", "--to", then.instant)
    assert found.code == 2
    assert "--from is position" in found.stderr


def test_a_comparison_is_of_two_reads_and_is_told_as_json(then: Then) -> None:
    changed = ask(then.terminal, "diff env production", "--from", then.position).json
    was, now = (ask(then.terminal, "env show production", *at).json for at in (("--at", then.position), ()))
    assert (changed["from"]["position"], changed["to"]["position"]) == (was["position"], now["position"])
    for part in changed["changes"]:
        assert part.get("before") == was[part["what"]]
        assert part.get("after") == now[part["what"]]
    told = {part["what"] for part in changed["changes"]}
    same = {name for name in was.keys() & now.keys() if was[name] == now[name]}
    assert {"freeze", "logs", "operator", "observed"} <= told
    assert not told & same
    [freeze] = [part for part in changed["changes"] if part["what"] == "freeze"]
    [ended] = ask(then.terminal, "audit log --type EnvironmentUnfrozen").json["events"]
    assert (freeze["position"], freeze["at"], freeze["by"]) == (ended["position"], ended["recorded_at"], ended["by"])
    assert [one["title"] for one in changed["problems"]] == ["the exchange was away", "orders are slow"]


def test_a_release_the_team_and_the_policy_are_compared_value_by_value(then: Then) -> None:
    then.terminal.shows("diff-release", "diff", "release", "4.11.9", "--from", then.instant)
    then.terminal.shows("diff-team", "diff", "team", "--from", then.instant)
    then.terminal.shows("diff-policy", "diff", "policy", "--from", then.instant)
    opened = ask(then.terminal, "diff release 4.13.0", "--from", then.instant).json
    assert {"path": "title", "before": None, "after": "Quotes 4.13.0"} in opened["changes"]
    assert ask(then.terminal, "diff release 9.9.9", "--from", then.instant).code == 5


def test_a_remark_and_a_late_fact_are_shown_where_their_events_are(then: Then) -> None:
    then.terminal.shows("audit-show-with-remark", "audit", "show", then.event)
    then.terminal.shows("audit-show-before-remark", "audit", "show", then.event, "--at", then.position)
    then.terminal.shows("audit-log-with-remark", "audit", "log", "--type", "EnvironmentFrozen")
    [late] = ask(then.terminal, "audit log --type FactObserved").json["events"]
    then.terminal.shows("audit-show-late-fact", "audit", "show", str(late["position"]))
    then.terminal.shows("audit-log-late-fact", "audit", "log", "--type", "FactObserved")
    then.terminal.shows("env-show-late-fact", "env", "show", "production", "--at", str(late["position"]))


def test_read_models_are_listed_and_built_anew_while_one_waits(then: Then) -> None:
    then.terminal.shows("projections-list", "projections", "list")
    done = then.terminal.dt("projections", "rebuild", "--wait", "--json", who="admin-1")
    assert done.code == 0, done.stderr
    assert {each["rebuild"]["state"] for each in done.json["projections"]} == {"done"}
    again = then.terminal.dt("projections", "rebuild", "problems", who="admin-2")
    assert (again.code, "problems 1" in again.stdout) == (0, True)
    assert "dt projections list" in again.stderr
    refused = then.terminal.dt("projections", "rebuild", "problems")
    assert (refused.code, "administrator" in refused.stderr) == (4, True)
    assert then.terminal.dt("projections", "rebuild", "nothing", who="admin-1").code == 5
    assert then.terminal.dt("projections", "rebuild", "--idempotency-key", "x", who="admin-1").code == 2
