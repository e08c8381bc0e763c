"""What is said of runs: who holds the environment, how far a run is, and how a failed test did before."""

from __future__ import annotations

import os
import pty
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from interlock.cli.commands.test import halt_for
from interlock.cli.outlet import Outlet
from interlock.cli.render.lines import plain
from interlock.cli.render.progress import Progress
from interlock.cli.render.testing import holder_lines, length, minutes, size
from interlock.cli.render.times import Scene
from interlock.runners.failures import DatabaseAway, LeaseLost, Stopped
from interlock.runners.testing import Holder, NotReported, NoVerdict, Over, past_of
from interlock.runners.testing.history import RUNS_MAX, remark

NOW = datetime(2026, 11, 27, 0, 19, 15, tzinfo=UTC)
SINCE = datetime(2026, 11, 27, 0, 0, 2, tzinfo=UTC)


def holder(**more: Any) -> Holder:
    known: dict[str, Any] = {"run": "R-7", "nightly": True, "usual": 31 * 60.0, **more}
    return Holder("tests", "test-run R-7", "cron@ci-1", SINCE, NOW - timedelta(seconds=4), NOW, **known)


def test_who_holds_it_is_told_with_the_usual_length() -> None:
    assert plain(holder_lines(holder(), Scene(NOW))).splitlines() == [
        "✗ another run holds tests: nightly (R-7), started 00:00:02 GMT by cron@ci-1",
        "  62 % of its usual 31 min · last sign of life 4 s ago · expected free 00:31",
    ]
    late = plain(holder_lines(holder(usual=60.0), Scene(NOW))).splitlines()[1]
    assert late == "  1922 % of its usual 1 min · last sign of life 4 s ago · over its usual time"
    other = Holder("tests", "deploy D-3", "ci-1", SINCE, NOW, NOW)
    assert plain(holder_lines(other, Scene(NOW))).splitlines() == [
        "✗ other work holds tests: deploy D-3, started 00:00:02 GMT by ci-1",
        "  last sign of life 0 s ago · its lease ends 00:19 unless it is renewed",
    ]


class Record:
    """Answers `past_of` as an asker does."""

    def __init__(self, finished: list[dict[str, Any]], started: list[dict[str, Any]]) -> None:
        self.pages = {"TestRunFinished": finished, "TestRunStarted": started}

    async def read(self, path: str, **query: Any) -> dict[str, Any]:
        assert (path, query["environment"], query["data"]) == ("/events", "tests", "true")
        return {"events": self.pages[query["type"]][: query["limit"]]}


def happened(run: int, minute: float, **data: Any) -> dict[str, Any]:
    at = SINCE + timedelta(minutes=minute)
    return {"recorded_at": at.isoformat(), "data": {"run": f"R-{run}", "report": f"sha256:{run}", **data}}


async def test_the_usual_length_is_the_median_of_runs_that_ended() -> None:
    started = [happened(5, 50), happened(4, 40), happened(3, 30), happened(2, 20), happened(1, 10)]
    finished = [happened(4, 49, counts={"total": 7}), happened(3, 32), happened(1, 13)]
    record: Any = Record(finished, started)
    past = await past_of(record, "tests")
    assert (past.usual, past.tests) == (3 * 60.0, 7)
    assert past.runs == (("R-4", "sha256:4"), ("R-3", "sha256:3"), ("R-1", "sha256:1"))
    nothing: Any = Record([], started)
    assert (await past_of(nothing, "tests")).usual is None
    assert RUNS_MAX == 20


@pytest.mark.parametrize(
    "earlier, said",
    [
        ([], "no earlier run had it"),
        ([{"b": True}], "no earlier run had it"),
        ([{"a": False}], "passed in its last run"),
        ([{"a": False}, {"b": True}, {"a": False}], "passed in each of its last 2 runs"),
        ([{"a": True}], "failed in its last run too"),
        ([{"a": True}, {"a": True}], "failed in each of its last 2 runs too"),
        ([{"a": True}] * 3 + [{"a": False}] * 17, "flaky: failed 3 of its last 20 runs"),
    ],
)
def test_a_failed_test_is_flaky_where_the_runs_before_differ(earlier: list[dict[str, bool]], said: str) -> None:
    assert remark("a", earlier) == said


LINES = {
    "tests/test_a.py::test_x PASSED                [ 50%]": (1, 0, 0, 50),
    "tests/test_a.py::test_x[a b] FAILED": (0, 1, 0, None),
    "tests/test_a.py::test_y SKIPPED (slow)        [100%]": (0, 0, 1, 100),
    "--- FAIL: TestX (0.01s)": (0, 1, 0, None),
    "    --- PASS: TestX/sub (0.00s)": (1, 0, 0, None),
    "not ok 3 - cancels": (0, 1, 0, None),
    "ok 4 - opens": (1, 0, 0, None),
    "test orders::opens ... ok": (1, 0, 0, None),
    "  ✓ opens an order": (1, 0, 0, None),
    "tests/test_a.py ......F..                      [ 42%]": (0, 0, 0, 42),
    "OrdersTest > totals() PASSED": (1, 0, 0, None),
    "OrdersTest > the total of nothing FAILED": (0, 1, 0, None),
    "1/3 Test #1: good .............................   Passed    0.00 sec": (1, 0, 0, None),
    "2/3 Test #2: bad ..............................***Failed    0.00 sec": (0, 1, 0, None),
    "12/30 Test #12: gone ............................***Not Run   0.00 sec": (0, 0, 1, None),
    "ok  \texample.com/shop\t0.003s": (0, 0, 0, None),
    "[INFO] Tests run: 3, Failures: 0, Errors: 0, Skipped: 0": (0, 0, 0, None),
    "everything is ok 100": (0, 0, 0, None),
    "PASSED": (0, 0, 0, None),
}


@pytest.mark.parametrize("line, counted", LINES.items())
def test_a_line_of_output_counts_what_it_says(line: str, counted: tuple[int, int, int, int | None]) -> None:
    progress = Progress(lambda: 0.0)
    progress.count(line)
    assert (progress.passed, progress.failed, progress.others, progress.percent) == counted


def test_how_far_it_is_is_told_by_tests_or_by_what_the_output_says_or_by_time() -> None:
    at = [662.0]
    seen = Progress(lambda: at[0], total=412, usual=852.0, began=0.0, passed=329, failed=2)
    assert seen.text() == "  ████████████████░░░░   331/412   passed 329   failed 2   11:02   about 03:10 left"
    assert Progress(lambda: at[0], began=0.0, percent=25).text() == "  █████░░░░░░░░░░░░░░░   25 %   11:02"
    assert Progress(lambda: at[0], usual=331.0, began=0.0).text() == "  ████████████████████   11:02   usually 05:31"
    assert Progress(lambda: at[0], began=0.0).text() == "  11:02"


def test_on_a_terminal_the_output_goes_by_above_the_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = pty.openpty()
    now = iter([float(second) for second in range(100)])
    progress = Progress(lambda: next(now))
    with os.fdopen(there, "w") as stream, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", stream)
        progress.begin()
        progress.line("one")
        progress.end()
    shown = b""
    with suppress(OSError):  # that is how the other end's closing is told
        while block := os.read(here, 4096):
            shown += block
    os.close(here)
    assert shown.startswith(b"\r\x1b[Kone\r\n\r\x1b[K  00:0")
    assert shown.endswith(b"\r\x1b[K")


def test_off_a_terminal_nothing_moves(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(lambda: 0.0)
    progress.begin()
    progress.draw(now=True)
    progress.line("one")
    progress.end()
    assert capsys.readouterr().err == "one\n"


def test_lengths_and_sizes_are_told_in_units_of_people() -> None:
    assert [length(each) for each in (38, 1_860, 3_900)] == ["38 s", "31 min", "1 h 05 min"]
    assert [minutes(each) for each in (-1, 131, 3_731)] == ["00:00", "02:11", "1:02:11"]
    assert [size(each) for each in (812, 31_200, 2_400_000)] == ["812 B", "31 KB", "2.4 MB"]


def test_whoever_stops_reading_holds_up_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe that nobody empties is full after 64 KiB; then everything is said after all, but for the oldest."""
    reading, writing = os.pipe()
    monkeypatch.setattr("interlock.cli.outlet.WAITING_MAX", 100)
    outlet, said = Outlet(), b""
    for _ in range(300):
        outlet.put(os.write, writing, b"x" * 1023 + b"\n")
    outlet.put(os.write, writing, b"THE END")
    assert not outlet.drain(0.2)
    while not said.endswith(b"THE END"):
        said += os.read(reading, 65536)
    assert outlet.drain(10.0)
    os.close(writing)
    os.close(reading)
    assert 99 <= said.count(b"\n") < 300


def test_what_cannot_be_said_any_more_ends_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    outlet, said = Outlet(), list[str]()
    outlet.put(os.write, writing, b"x")
    outlet.put(said.append, "after")
    assert outlet.drain(10.0)
    os.close(writing)
    assert said == ["after"]


@pytest.mark.parametrize(
    "stopped, code, said",
    [
        (
            Over("rm-1 ended it: 1.0.1 cannot wait", run="R-7"),
            6,
            "the run was over before the tests were: rm-1 ended it",
        ),
        (LeaseLost("no lease was granted"), 6, "no lease was granted"),
        (NoVerdict("there is no report", run="R-7", recorded=True), 11, "R-7 gave no verdict: there is no report"),
        (NotReported("connection refused", run="R-7", token=9), 12, "what came out could not be reported"),
        (
            DatabaseAway("the database cannot be reached"),
            11,
            "the tests were not begun: the database cannot be reached",
        ),
    ],
)
def test_each_end_without_a_verdict_has_its_exit_code(stopped: Stopped, code: int, said: str) -> None:
    halt = halt_for(stopped)
    assert (halt.code, said in halt.what) == (code, True)


def test_a_verdict_that_could_not_be_told_says_how_to_tell_it_by_hand() -> None:
    [(command, _), *_] = halt_for(NotReported("away", run="R-7", token=9)).then
    assert command == "dt test-run report R-7 --token 9 --junit FILE"
