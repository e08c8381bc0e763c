"""`dt test` as whoever runs it meets it: what it says, how it ends, and what happens when somebody else is there."""

from __future__ import annotations

import signal
import sys

import pytest

from tests.runners.laboratory import (
    ERASING,
    GREEN,
    RED,
    Laboratory,
    gone,
    hanging,
    kill,
    reporting,
    runs,
    written,
)

PYTEST = """
def test_gap_fill():
    assert 1 + 1 == 2
"""


def test_a_green_run_is_told_step_by_step_and_ends_with_0(lab: Laboratory) -> None:
    lab.write(reporting(GREEN, first="echo hello from the tests"), erase=ERASING)
    done = lab.dt("test")
    assert done.code == 0, done.stderr
    for told in ("✓ lease L-", "✓ identity ", "✓ data erased @", "hello from the tests", "next  dt release why 1.0.0"):
        assert told in done.stderr
    assert "\r" not in done.stderr
    assert "✓ TestsPassed @" in done.stdout
    assert "2 passed, 0 failed   report sha256:" in done.stdout


def test_another_command_stands_behind_dashes_with_options_of_its_own(lab: Laboratory) -> None:
    """Here pytest itself: its report names a new test of the release, and is read as it is."""
    (lab.home / "quotes.py").write_text(PYTEST, encoding="utf-8")
    lab.write(["false"])
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junit-xml={report}", "quotes.py"]
    done = lab.dt("test", "--json", "--", *words)
    assert done.code == 0, done.stderr
    assert done.json["counts"] == {"total": 1, "passed": 1, "failed": 0, "skipped": 0}
    assert (done.json["verdict"], done.json["new_tests_missing"]) == ("passed", [])
    assert "1 passed" in done.stderr


async def test_a_red_run_names_what_failed_why_and_how_it_did_before(lab: Laboratory) -> None:
    new = '<testcase classname="quotes" name="test_gap_fill"><failure message="timed out"/></testcase>'
    red = RED.replace("test_race", "test_cancel_race")
    other = '<testcase classname="orders" name="test_open"><failure message="no"/></testcase>'
    for cases in (GREEN + red, GREEN + red.replace("failure", "system-out")):
        await lab.run(lab.job(reporting(cases)))
    lab.write(reporting(new + red + other, code=1))
    done = lab.dt("test")
    assert done.code == 10
    assert "✗ TestsFailed @" in done.stdout
    rows = [row.split("  ") for row in done.stdout.splitlines() if row[:3] in {"  1", "  2", "  3"}]
    told = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    assert told == [
        ["1", "quotes.test_gap_fill", "timed out", "new in this release"],
        ["2", "orders.test_cancel_race", "assert 3 == 2", "flaky: failed 1 of its last 2 runs"],
        ["3", "orders.test_open", "no", "no earlier run had it"],
    ]
    assert "next  dt release content 1.0.0" in done.stderr


def test_a_new_test_that_did_not_run_is_no_success(lab: Laboratory) -> None:
    lab.write(reporting('<testcase classname="orders" name="test_place"/>'))
    done = lab.dt("test")
    assert done.code == 10
    assert "✓ TestsPassed" in done.stdout
    assert "✗ new test quotes.test_gap_fill: it is not in the report" in done.stdout


def test_a_run_without_a_report_ends_with_11_and_one_that_is_not_configured_with_2(lab: Laboratory) -> None:
    lab.write(["/bin/sh", "-c", "exit 5"])
    done = lab.dt("test")
    assert done.code == 11
    assert "gave no verdict: there is no report report.xml" in done.stderr
    assert "it ended with 5" in done.stderr
    assert "has neither passed nor failed; that is recorded" in done.stderr
    lab.write(["true"], erase=None)
    unsaid = lab.dt("test")
    assert (unsaid.code, "tests.erase: it is missing" in unsaid.stderr) == (2, True)
    assert lab.dt("test", "--").code == 2


def waiting(lab: Laboratory) -> list[str]:
    """A command that waits for a file, then reports."""
    first = f"echo $$ > {lab.home}/it; until [ -e {lab.home}/go ]; do sleep 0.05; done"
    return reporting(GREEN, first=first)


def test_who_comes_second_is_told_waits_or_goes_away(lab: Laboratory) -> None:
    lab.write(waiting(lab))
    first = lab.begin_dt("test", "--nightly")
    written(lab.home / "it")
    before = lab.position()
    busy = lab.dt("test")
    assert busy.code == 3
    assert "✗ another run holds tests: nightly (R-" in busy.stderr
    assert "by ci-1" in busy.stderr
    assert "last sign of life" in busy.stderr
    assert "next  dt test --if-busy wait" in busy.stderr
    as_json = lab.dt("test", "--json")
    assert (as_json.json["holder"]["nightly"], as_json.json["exit_code"]) == (True, 3)
    skipped = lab.dt("test", "--if-busy", "skip")
    assert (skipped.code, "skipped: nothing was run" in skipped.stderr) == (0, True)
    assert lab.position() == before
    second = lab.begin_dt("test", "--if-busy", "wait")
    assert second.stderr is not None
    assert "waiting for nightly" in second.stderr.readline()
    (lab.home / "go").touch()
    for process in (first, second):
        _, stderr = process.communicate(timeout=60)
        assert process.returncode == 0, stderr


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_the_child_and_aborts_the_run(lab: Laboratory, how: signal.Signals) -> None:
    lab.write(hanging(lab.home))
    process = lab.begin_dt("test")
    it, far = written(lab.home / "it"), written(lab.home / "far")
    code, _, stderr = kill(process, how)
    assert (code, "interrupted" in stderr) == (130, True), stderr
    assert not runs(it)
    gone(far)
    assert lab.holder() is None
    assert lab.events("TestRunAborted")[0]["reason"] == "it was interrupted where it ran"


async def test_the_nightly_run_that_was_missed_is_closed_late_by_the_next_one(lab: Laboratory) -> None:
    lab.write(reporting(GREEN))
    lab.served.at("2026-11-18T00:30:00+00:00")
    assert lab.dt("test", "--nightly").code == 0
    assert lab.events("TestRunStarted")[0]["fulfils"] == "2026-11-18"
    lab.served.at("2026-11-19T02:30:00+00:00")
    await lab.run(lab.job(reporting(GREEN)))
    assert lab.events("TestRunMissed")[0]["day"] == "2026-11-19"
    [by_hand] = lab.events("TestRunStarted")
    assert (by_hand["trigger"], "fulfils" in by_hand) == ("manual", False)
    assert lab.dt("test", "--nightly").code == 0
    [late] = lab.events("TestRunStarted")
    assert (late["fulfils"], late["late"]) == ("2026-11-19", True)


def test_when_the_server_is_away_nothing_is_begun(lab: Laboratory) -> None:
    lab.write(reporting(GREEN, first=f"touch {lab.home}/it"))
    done = lab.dt("test", "--url", "http://127.0.0.1:9", "--project", "demo")
    assert (done.code, (lab.home / "it").exists()) == (7, False), done.stderr
