"""`dt test`: the lease, the erased data, the command, its report, the verdict; and a run that gives none is aborted."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from interlock.cli.seams import pause
from interlock.client import ServerAway
from interlock.runners.connections import NotConfigured
from interlock.runners.failures import Refused
from interlock.runners.testing import NotReported, NoVerdict, Over, running, settings_of
from tests.runners.laboratory import (
    ERASING,
    GREEN,
    NEW_TEST,
    RED,
    Laboratory,
    gone,
    hanging,
    reporting,
    written,
)


async def test_a_run_erases_runs_reads_and_records(lab: Laboratory) -> None:
    lab.fill()
    before = lab.position()
    outcome = await lab.run(lab.job(reporting(GREEN, first="echo one; echo two >&2; env | sort > seen"), erase=ERASING))
    assert lab.rows() == 0
    assert lab.types(before) == [
        "LeaseGranted", "TestRunStarted", "DataErased", "TestRunFinished", "TestsPassed", "LeaseReleased",
    ]  # fmt: skip
    assert outcome.report.counts == {"total": 2, "passed": 2, "failed": 0, "skipped": 0}
    assert (outcome.missing, outcome.new_tests) == ((), (NEW_TEST,))
    assert lab.heard.lines == ["one", "two"]
    [finished], client = lab.events("TestRunFinished"), lab.client()
    assert client.get_evidence(finished["log"]) == b"one\ntwo\n"
    assert client.get_evidence(finished["report"]) == (lab.home / "out" / "report.xml").read_bytes()
    assert finished["counts"]["passed"] == 2
    assert lab.heard.said[-2:] == ["running", "ran"]


async def test_the_command_is_told_what_it_is_part_of_and_no_token(lab: Laboratory) -> None:
    outcome = await lab.run(lab.job(reporting(GREEN, first="env | sort > seen")))
    told = dict(line.split("=", 1) for line in (lab.home / "seen").read_text().splitlines() if line[:9] == "INTERLOCK")
    assert "INTERLOCK_TOKEN" not in told
    assert told == told | {
        "INTERLOCK_RELEASE": "1.0.0",
        "INTERLOCK_ENVIRONMENT": "tests",
        "INTERLOCK_RUN": outcome.begun.run,
        "INTERLOCK_LEASE": outcome.begun.lease.lease,
        "INTERLOCK_FENCING_TOKEN": str(outcome.begun.lease.token),
        "INTERLOCK_CONTENT_DIGEST": outcome.begun.content,
        "INTERLOCK_REPORT": str(lab.home / "out" / "report.xml"),
    }


async def test_a_red_report_is_a_verdict_whatever_the_command_ends_with(lab: Laboratory) -> None:
    for code in (0, 1):
        outcome = await lab.run(lab.job(reporting(GREEN + RED, code=code)))
        assert outcome.report.verdict == "failed"
        [failed] = lab.served["anton"].get("/events", type="TestsFailed", data="true", limit=1)["events"]
        assert failed["data"]["failed"] == ["orders.test_race"]
        assert failed["data"]["ran"] == [NEW_TEST]


async def test_a_new_test_that_is_not_in_the_report_is_told(lab: Laboratory) -> None:
    outcome = await lab.run(lab.job(reporting('<testcase classname="orders" name="test_place"/>')))
    assert (outcome.report.verdict, outcome.missing) == ("passed", (NEW_TEST,))


NO_VERDICT = {
    "no report": (["/bin/sh", "-c", "echo broken; exit 3"], "there is no report report.xml .*it ended with 3"),
    "no such command": (["no-such-command"], "there is no such command"),
    "killed": (["/bin/sh", "-c", "kill -9 $$"], "it was ended by signal 9"),
    "no xml": (["/bin/sh", "-c", 'echo no > "$INTERLOCK_REPORT"'], "it is no XML"),
    "claims": (reporting("").copy(), "it lists no test"),
    "green but 4": (reporting(GREEN, code=4), "says that nothing failed, but it ended with 4"),
    "all skipped": (reporting('<testcase name="a"><skipped/></testcase>'), "all 1 tests of its report were skipped"),
    "a directory": (["/bin/sh", "-c", 'mkdir -p "$INTERLOCK_REPORT"'], "report.xml is no file"),
}


@pytest.mark.parametrize("command, why", NO_VERDICT.values(), ids=NO_VERDICT)
async def test_without_a_report_the_run_is_aborted_and_has_not_failed(
    lab: Laboratory, command: list[str], why: str
) -> None:
    before = lab.position()
    with pytest.raises(NoVerdict, match=why) as stopped:
        await lab.run(lab.job(command))
    assert stopped.value.is_recorded
    assert lab.types(before)[-2:] == ["TestRunAborted", "LeaseReleased"]
    [aborted] = lab.events("TestRunAborted")
    assert aborted["reason"] == str(stopped.value)
    report = lab.home / "out" / "report.xml"
    if report.is_dir():
        report.rmdir()


async def test_what_an_aborted_run_wrote_is_kept(lab: Laboratory) -> None:
    with pytest.raises(NoVerdict):
        await lab.run(lab.job(["/bin/sh", "-c", "echo no module named quotes; exit 1"]))
    [aborted] = lab.events("TestRunAborted")
    assert lab.client().get_evidence(aborted["log"]) == b"no module named quotes\n"


async def test_an_old_report_is_not_taken_for_this_runs(lab: Laboratory) -> None:
    await lab.run(lab.job(reporting(GREEN)))
    with pytest.raises(NoVerdict, match="there is no report"):
        await lab.run(lab.job(["/bin/sh", "-c", "exit 0"]))


async def test_a_report_that_cannot_be_removed_stops_the_run(lab: Laboratory) -> None:
    job = lab.job(reporting(GREEN, first="touch seen"))
    (lab.home / "out" / "report.xml").unlink(missing_ok=True)
    (lab.home / "out" / "report.xml" / "in the way").mkdir(parents=True)
    with pytest.raises(NoVerdict, match="an old report is in the way"):
        await lab.run(job)
    assert not (lab.home / "seen").exists()
    (lab.home / "out" / "report.xml" / "in the way").rmdir()
    (lab.home / "out" / "report.xml").rmdir()


async def test_without_erased_data_nothing_is_run(lab: Laboratory) -> None:
    before = lab.position()
    job = lab.job(reporting(GREEN, first="touch seen"), erase=["/bin/sh", "-c", "echo cannot; exit 1"])
    with pytest.raises(NoVerdict, match="the data could not be erased: /bin/sh: it ended with 1"):
        await lab.run(job)
    assert not (lab.home / "seen").exists()
    assert lab.types(before) == ["LeaseGranted", "TestRunStarted", "TestRunAborted", "LeaseReleased"]


async def test_another_database_than_the_registered_one_is_not_touched(lab: Laboratory) -> None:
    job = lab.job(reporting(GREEN, first="touch seen"))
    other = lab.dsn.replace(lab.identity.database, "postgres")
    assert other != lab.dsn
    lab.dsn, kept = other, lab.dsn
    job = lab.job(reporting(GREEN, first="touch seen"))
    lab.dsn = kept
    with pytest.raises(Refused) as refused:
        await lab.run(job)
    problem: Any = refused.value.problem
    failed = [check["check"] for check in problem.problem["decision"]["checks"] if check["state"] == "failed"]
    assert failed == ["environment-identified"]
    assert not (lab.home / "seen").exists()


async def test_a_database_that_became_another_one_meanwhile_is_not_erased(
    lab: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = lab.job(reporting(GREEN, first="touch seen"))
    lab.dsn, kept = lab.dsn.replace(lab.identity.database, "postgres"), lab.dsn
    moved = lab.job(reporting(GREEN)).target
    lab.dsn = kept

    async def reached(step: str) -> None:
        if step == "started":
            object.__setattr__(job, "target", moved)

    lab.fill()
    with pytest.raises(NoVerdict, match=r"and .* is registered"):
        await lab.run(job, reached=reached)
    assert lab.rows() >= 5
    assert not (lab.home / "seen").exists()


async def test_a_person_is_no_runner_and_nothing_is_erased(lab: Laboratory) -> None:
    lab.fill()
    with pytest.raises(Refused) as refused:
        await lab.run(lab.job(reporting(GREEN), erase=ERASING), who="anton")
    assert lab.rows() >= 5
    problem: Any = refused.value.problem
    assert "reported-by-runner" in [check["check"] for check in problem.problem["decision"]["checks"]]


async def test_a_run_that_is_aborted_under_its_runner_ends_its_child(
    lab: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "BEAT_SECONDS", 0.1)
    work = asyncio.create_task(lab.run(lab.job(hanging(lab.home), trigger="scheduled")))
    it, far = await asyncio.to_thread(written, lab.home / "it"), await asyncio.to_thread(written, lab.home / "far")
    problem = lab.story.by("qa-1", "ReportProblem", environment="production", title="orders are lost",
                           severity="high")["events"][0]["data"]["problem"]  # fmt: skip
    lab.story.open("1.0.1", "Orders", problem=problem)
    [run] = lab.events("TestRunStarted")
    fields = {"environment": "tests", "run": run["run"], "reason": "1.0.1 cannot wait", "hotfix": "1.0.1"}
    lab.served["rm-1"].command("AbortTestRun", fields)
    with pytest.raises(Over, match=r"rm-1 ended it: 1\.0\.1 cannot wait"):
        await work
    gone(it, far)
    assert lab.holder() is None


async def test_a_lease_that_cannot_be_kept_ends_the_child_first(
    lab: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone_before_the_word: list[bool] = []

    async def sleep(seconds: float) -> None:
        """Once the command runs, all the time that the lease leaves is over."""
        if seconds < 60:
            await pause(min(seconds, 0.05))
            return
        for name in ("it", "far"):
            await asyncio.to_thread(written, lab.home / name)
        monkeypatch.setattr("interlock.runners.leases.MARGIN_SECONDS", 10_000.0)

    async def reached(step: str) -> None:
        if step == "aborting":
            gone(*(int((lab.home / name).read_text()) for name in ("it", "far")))
            gone_before_the_word.append(True)

    with pytest.raises(Over):
        await lab.run(lab.job(hanging(lab.home)), reached=reached, sleep=sleep)
    assert gone_before_the_word == [True]
    assert lab.events("TestRunAborted")[0]["reason"].startswith("its lease could not be kept")


class Silent:
    """A client whose reports of verdicts get no answer."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def command(self, name: str, fields: Any, **more: Any) -> Any:
        if name == "ReportTestRun":
            raise ServerAway("http://nowhere", "connection refused", 3, 1.0)
        return self.client.command(name, fields, **more)


async def test_a_verdict_that_cannot_be_told_is_kept_to_be_told_by_hand(
    lab: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("interlock.runners.asking.REPORT_SECONDS", 0.0)
    with pytest.raises(NotReported) as lost:
        await lab.run(lab.job(reporting(GREEN)), client=Silent(lab.client()))
    words = ["test-run", "report", lost.value.run, "--token", str(lost.value.token), "--junit", "out/report.xml"]
    told = lab.dt(*words)
    assert (told.code, "TestsPassed" in told.stdout) == (0, True), told.stderr


@pytest.mark.parametrize(
    "at, ends", [("started", "TestRunAborted"), ("running", "TestRunAborted"), ("kept", "TestsPassed")]
)
async def test_an_interrupted_run_is_aborted_and_one_that_has_its_verdict_is_not(
    lab: Laboratory, at: str, ends: str
) -> None:
    before = lab.position()

    async def reached(step: str) -> None:
        if step == at:
            work.cancel()
            await asyncio.sleep(0)

    work = asyncio.create_task(lab.run(lab.job(reporting(GREEN)), reached=reached))
    [result] = await asyncio.gather(work, return_exceptions=True)
    assert isinstance(result, asyncio.CancelledError) == (ends == "TestRunAborted"), result
    assert ends in lab.types(before)
    assert lab.holder() is None


@pytest.mark.parametrize("step", ["erased", "kept"])
async def test_interlock_is_killed_and_comes_back_and_the_verdict_is_told_once(lab: Laboratory, step: str) -> None:
    before, wanted = lab.position(), step
    comes_back: list[asyncio.Task[None]] = []

    async def reached(step: str) -> None:
        if step == wanted:
            lab.kill_interlock()
            comes_back.append(asyncio.create_task(asyncio.to_thread(lab.start_interlock)))

    await lab.run(lab.job(reporting(GREEN)), reached=reached)
    await asyncio.gather(*comes_back)
    assert lab.types(before).count("TestsPassed") == 1
    assert lab.holder() is None


def test_what_is_wrong_in_the_table_is_named(tmp_path: Path) -> None:
    whole = {"command": "make test", "erase": "./erase"}
    for table, why in (
        ({"command": "make test"}, r"tests\.erase: it is missing"),
        ({"erase": "./erase"}, r"tests\.command: it is missing"),
        ({**whole, "comand": "x"}, r"tests\.comand: there is no such setting"),
        ({**whole, "report": 3}, r"tests\.report: it is no text"),
        ({**whole, "report": "."}, r"tests\.report: it is a directory"),
        ({**whole, "environment": ""}, r"tests\.environment: it is no text"),
    ):
        with pytest.raises(NotConfigured, match=why):
            settings_of({"tests": table}, home=tmp_path)
    words = settings_of({"tests": whole}, home=tmp_path, words=["pytest", "-x"], here=tmp_path / "below")
    assert (words.command.words, words.command.directory) == (("pytest", "-x"), tmp_path / "below")
    assert words.report == tmp_path / "report.xml"
