"""`dt adjust`: an adjustment's whole way on real databases, and everything that must not work."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from interlock.events.codec import plain
from tests.cli.adjusting import (
    ASK,
    NOWHERE,
    asked_for,
    authorized,
    done,
    rehearsed,
    restored,
    shop_terminal,
    typed_of,
)
from tests.cli.terminal import DT, HANGS_SECONDS, Terminal
from tests.fixtures.postgres import PostgresServer
from tests.runners.shop import Project, ShopServer, granted_in, shops


@pytest.fixture(scope="module")
def shop_server() -> Iterator[ShopServer]:
    with shops() as server:
        yield server


@pytest.fixture(scope="module")
def here(
    postgres_server: PostgresServer,
    team_template: str,
    shop_server: ShopServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Terminal, Project]]:
    """One shop for all: each test asks for an adjustment of its own, and leaves the data as it was."""
    home = tmp_path_factory.mktemp("adjust")
    with shop_terminal(postgres_server, team_template, shop_server, home, "adjust_by_dt") as made:
        yield made


def prices(project: Project) -> list[float]:
    rows = project.shop.rows("select price from trades.fills where symbol = 'ABC' and id <= 10 order by id")
    return [float(price) for (price,) in rows]


def shown(project: Project, name: str) -> dict[str, Any]:
    return project.served["anton"].get(f"/adjustments/{name}")


OLD, NEW = [0.25, 0.5, 0.75, 1.0, 1.25], [0.5, 1.0, 1.5, 2.0, 2.5]


def test_it_goes_its_whole_way_and_is_taken_back(here: tuple[Terminal, Project]) -> None:
    terminal, project = here
    asked = done(terminal, *ASK)
    assert "✓ DataAdjustRequested @" in asked.stdout
    assert f"{terminal.url}/p/demo/adjustments/ADJ-1" in asked.stdout
    assert "all of it" in asked.stderr
    assert "qa-1 or qa-2" in asked.stderr
    rehearsal = done(terminal, "adjust", "rehearse", "ADJ-1", "--env", "scratch", who="ci-1")
    assert "5 rows, rolled back" in rehearsal.stdout
    assert "rolled back, as every rehearsal" in rehearsal.stderr
    typed = typed_of(project, "ADJ-1")
    read = done(terminal, "adjust", "verify", "ADJ-1", "--digest", typed, who="qa-1")
    for text in ("fills have half their price", "price * 2", "price / 2", "count(*) = 5", "bool_and", "rolled back"):
        assert text in read.stdout, text
    last = done(terminal, "adjust", "verify", "ADJ-1", "--digest", typed, who="qa-2")
    assert "only operator-1 may execute it" in last.stdout
    assert prices(project) == OLD
    assert "0 times since" in done(terminal, "env", "show", "production").stdout
    ran = done(terminal, "adjust", "execute", "ADJ-1", "--digest", typed, who="operator-1")
    assert "DataAdjustExecuted" in ran.stdout
    for text in ("trades.fills", "kept the touched rows", "it may be committed", "committed"):
        assert text in ran.stderr, text
    assert prices(project) == NEW
    again = terminal.dt("adjust", "execute", "ADJ-1", "--digest", typed, who="operator-1")
    assert (again.code, "adjustment-open" in again.stderr) == (3, True), again.stderr
    assert prices(project) == NEW
    assert "ADJ-1" in done(terminal, "adjust", "list").stdout
    taken_back(terminal, project)


def taken_back(terminal: Terminal, project: Project) -> None:
    disputed = done(terminal, "adjust", "dispute", "ADJ-1", "-m", "they were right before", who="qa-2")
    assert "DataAdjustResultDisputed" in disputed.stdout
    words = ("adjust", "revert", "ADJ-1", "--precondition", "effect.sql", "--effect", "back.sql", "--json")
    [plan] = [each["data"]["plan"] for each in done(terminal, *words).json["events"]]
    assert (plan["expected_effect"]["rows_min"], plan["purpose"]) == (
        5,
        "take ADJ-1 back: fills have half their price",
    )
    restored(project)
    done(terminal, "adjust", "rehearse", "ADJ-2", "--env", "scratch", who="ci-1")
    typed = typed_of(project, "ADJ-2")
    for who in ("qa-1", "qa-2"):
        done(terminal, "adjust", "verify", "ADJ-2", "--digest", typed, who=who)
    done(terminal, "adjust", "execute", "ADJ-2", "--digest", typed, who="operator-1")
    assert prices(project) == OLD
    restored(project)
    checked = done(terminal, "adjust", "check-result", "ADJ-2", "--method", "looked at all five", who="qa-1")
    assert "DataAdjustResultVerified" in checked.stdout
    assert "no adjustment is open" in done(terminal, "adjust", "list").stdout
    listed = done(terminal, "adjust", "list", "--all").stdout
    assert ("reverted" in listed, "checked" in listed) == (True, True)
    assert "taken back by ADJ-2" in done(terminal, "adjust", "show", "ADJ-1").stdout
    production = done(terminal, "env", "show", "production").stdout
    assert "2 times" in production
    assert "last by operator-1, ADJ-2" in production


def test_who_may_not_verify_it_need_not_read_it_and_the_refusal_is_recorded(here: tuple[Terminal, Project]) -> None:
    terminal, project = here
    name = rehearsed(project, "verified by its requester")
    refused = terminal.dt("adjust", "verify", name, "--digest", typed_of(project, name))
    assert (refused.code, "role-held" in refused.stderr) == (4, True), refused.stderr
    assert "price * 2" not in refused.stdout
    assert "refused @" in refused.stderr
    last = shown(project, name)["chain"][-1]
    missing = [
        each["check"] for each in last["decision"]["checks"] if each["state"] not in {"passed", "not_applicable"}
    ]
    assert (last["step"], missing) == ("refused", ["role-held", "adjustment-unchanged", "verifier-independent"])
    assert "adjustment-unchanged" not in refused.stderr, "a person is told what stands in his way"


def test_a_wrong_digest_is_refused_and_nothing_answers_for_a_person(here: tuple[Terminal, Project]) -> None:
    terminal, project = here
    name = rehearsed(project, "wrong digests")
    typed = typed_of(project, name)
    wrong = "0" * 6 if typed != "0" * 6 else "1" * 6
    for words in (["--digest", wrong], ["--digest", typed[:5]], ["--digest", "", "--yes"]):
        refused = terminal.dt("adjust", "verify", name, *words, who="qa-1")
        assert (refused.code, f"dt adjust show {name}" in refused.stderr) == (3, True), refused.stderr
    for words in (["--no-input"], ["--yes"]):
        nobody = terminal.dt("adjust", "verify", name, *words, who="qa-1", given=f"{typed}\n")
        assert (nobody.code, "--digest" in nobody.stderr) == (2, True), nobody.stderr
    assert shown(project, name)["verified_by"] == []
    name = authorized(project, "wrong digests of the operator")
    assert terminal.dt("adjust", "execute", name, "--digest", wrong, who="operator-1").code == 3
    assert terminal.dt("adjust", "execute", name, "--yes", who="operator-1").code == 2
    assert prices(project) == OLD
    assert shown(project, name)["stage"] == "authorized"


def test_on_a_terminal_the_digest_is_typed(here: tuple[Terminal, Project]) -> None:
    terminal, project = here
    name = rehearsed(project, "typed on a terminal")
    assert on_terminal(terminal, "adjust", "verify", name, typed="ffff") == 3
    assert shown(project, name)["verified_by"] == []
    assert on_terminal(terminal, "adjust", "verify", name, typed=typed_of(project, name)) == 0
    assert shown(project, name)["verified_by"] == ["qa-1"]


def on_terminal(terminal: Terminal, *words: str, typed: str) -> int:
    """Call it with a terminal on stdin and stderr, type something, and return how it ended."""
    master, slave = pty.openpty()
    try:
        os.write(master, f"{typed}\n".encode())
        ended = subprocess.run(
            [*DT, *words],
            cwd=terminal.home,
            env=terminal.environment("qa-1"),
            timeout=HANGS_SECONDS,
            stdin=slave,
            stdout=subprocess.DEVNULL,
            stderr=slave,
            check=False,
        )
        return ended.returncode
    finally:
        os.close(slave)
        os.close(master)


def test_nobody_but_the_operator_executes_and_that_is_recorded(here: tuple[Terminal, Project]) -> None:
    terminal, project = here
    name = authorized(project, "executed by somebody else")
    refused = terminal.dt("adjust", "execute", name, "--digest", typed_of(project, name), who="rm-1")
    assert (refused.code, "operator-designated" in refused.stderr) == (3, True), refused.stderr
    assert "may act: operator-1 (not you)" in refused.stderr
    assert "refused @" in refused.stderr
    assert prices(project) == OLD
    last = shown(project, name)["chain"][-1]
    assert (last["step"], last["by"]) == ("refused", "rm-1")


def test_without_the_databases_address_nothing_is_done(here: tuple[Terminal, Project]) -> None:
    terminal, project = here
    name = asked_for(project, "without an address")
    elsewhere = terminal.dt("adjust", "rehearse", name, "--env", "scratch", who="ci-1", env=NOWHERE)
    assert (elsewhere.code, "environments.scratch" in elsewhere.stderr) == (2, True), elsewhere.stderr
    name = authorized(project, "executed without an address")
    typed = typed_of(project, name)
    away = terminal.dt("adjust", "execute", name, "--digest", typed, who="operator-1", env=NOWHERE)
    assert (away.code, "environments.production" in away.stderr) == (2, True), away.stderr
    assert prices(project) == OLD


def test_a_rehearsal_that_finds_something_else_fails_and_says_so(here: tuple[Terminal, Project]) -> None:
    terminal, project = here
    name = asked_for(project, "one row less than there are", rows=(4, 4))
    failed = terminal.dt("adjust", "rehearse", name, "--env", "scratch", who="ci-1")
    assert (failed.code, "rolled back" in failed.stderr) == (11, True), failed.stderr
    assert "rehearsal failed" in [step["step"] for step in shown(project, name)["chain"]]
    assert prices(project) == OLD


def test_an_amendment_begins_anew_and_keeps_what_is_not_given(here: tuple[Terminal, Project]) -> None:
    terminal, project = here
    name = authorized(project, "amended")
    before = shown(project, name)["plan"]
    done(terminal, "adjust", "amend", name, "--risk", "high", "-m", "more care", who="dev-2")
    after = shown(project, name)
    assert after["plan"] == {**before, "risk": "high"}
    assert (after["stage"], after["verified_by"]) == ("requested", [])
    assert "void since @" in done(terminal, "adjust", "show", name).stdout
    done(terminal, "adjust", "cancel", name, "-m", "not needed")
    assert shown(project, name)["state"] == "cancelled"


def test_what_cannot_be_run_is_refused_when_it_is_asked_for(here: tuple[Terminal, Project]) -> None:
    terminal, _ = here
    for content, said in (("begin; commit;", "statement 1"), ("copy trades.fills to program 'cat'", "COPY")):
        (terminal.home / "odd.sql").write_text(content, encoding="utf-8")
        refused = terminal.dt(*ASK, "--script", "odd.sql")
        assert (refused.code, "plan.script_digest" in refused.stderr, said in refused.stderr) == (2, True, True)
    (terminal.home / "odd.sql").write_text(" \n", encoding="utf-8")
    assert terminal.dt(*ASK, "--script", "odd.sql").code == 2
    assert terminal.dt(*ASK, "--rows", "few").code == 2


def test_a_rejection_stands_until_its_verifier_thinks_better_of_it(here: tuple[Terminal, Project]) -> None:
    terminal, project = here
    name = authorized(project, "rejected")
    done(terminal, "adjust", "reject", name, "-m", "the wrong symbol", who="qa-1")
    assert "a verifier said no" in done(terminal, "adjust", "show", name).stdout
    last = done(terminal, "adjust", "verify", name, "--digest", typed_of(project, name), who="qa-1")
    assert "DataAdjustAuthorized" in last.stdout


def test_show_takes_at_and_brings_the_texts(here: tuple[Terminal, Project]) -> None:
    terminal, project = here
    job = project.requested(replace(project.plan(), purpose="shown as it was"))
    name = job.adjustment
    past = shown(project, name)
    project.rehearsed_by_word(job)
    then = done(terminal, "adjust", "show", name, "--at", str(past["position"]), "--texts", "--json").json
    assert then["chain"] == past["chain"]
    assert then["texts"]["script"] == (terminal.home / "script.sql").read_text(encoding="utf-8")


def test_an_outcome_that_nobody_reported_is_settled_by_the_next_show(here: tuple[Terminal, Project]) -> None:
    terminal, project = here
    name = authorized(project, "lost")
    token = lost_before_the_commit(project, name)
    assert shown(project, name)["stage"] == "unknown"
    assert "unknown" in done(terminal, "adjust", "show", name, who="anton").stdout, "not his to settle"
    away = terminal.dt("adjust", "show", name, who="operator-1", env=NOWHERE)
    assert (away.code, "its marker cannot be read from here" in away.stderr) == (0, True), away.stderr
    assert shown(project, name)["stage"] == "unknown"
    told = done(terminal, "adjust", "show", name, who="operator-1")
    assert "was not committed, as its marker told" in told.stdout
    assert shown(project, name)["stage"] == "authorized"
    marker = project.shop.rows("select kind from interlock_adjust.marker where marker = $1", f"{name}/{token}")
    assert marker == [("rolled_back",)]
    assert prices(project) == OLD


def observed_in_production(project: Project) -> dict[str, Any]:
    shop = project.shop
    return {"identity": plain(shop.identity(shop.production)), "schema_digest": shop.digest}


def lost_before_the_commit(project: Project, name: str) -> int:
    """An operator's runner that asked for the commit, and said that it does not know what became of it."""
    operator, found = project.served["operator-1"], shown(project, name)
    digest, observed = found["bound_digest"], observed_in_production(project)
    begun = operator.command("StartAdjustment", {"adjustment": name, "bound_digest": digest, "observed": observed})
    token = int(granted_in(begun)["fencing_token"])
    held = {"adjustment": name, "fencing_token": token}
    kept = {"backup_digest": digest, "place": "/nowhere", "rows": 5, "size_bytes": 1}
    operator.command("ReportAdjustmentBackup", {**held, **kept})
    done_so_far = {"rows": 5, "effect_holds": True, "before": digest, "after": digest, "marker": f"{name}/{token}"}
    operator.command("CommitAdjustment", {**held, "observed": observed, **done_so_far})
    operator.command("ReportAdjustmentFailed", {**held, "transaction": "unknown", "error": "the connection was lost"})
    return token
