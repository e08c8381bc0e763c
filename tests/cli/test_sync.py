"""Reports of facts wait while the server is away, durably and privately, and are sent in order, each once, as late."""
# Long: one life of a waiting report, from the disk to its arrival, case by case.

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from interlock.cli import spool
from interlock.cli.spool import BrokenReport, NoReport
from interlock.domain.commands import PUBLISHED
from tests.cli.story import Story, digest, event
from tests.cli.terminal import Done, Terminal
from tests.client.scripted import gives, hangs_up, problem, scripted
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.server import Served, on_a_copy

NOBODY_LISTENS = "http://127.0.0.1:9"
NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
CHECKED = {"environment": "production", "since": "2026-11-26T10:00:00Z", "until": "2026-11-26T11:00:00Z",
           "result": "clean"}  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    with patch.dict(os.environ, {"INTERLOCK_HOME": str(tmp_path / "config" / "interlock")}):
        yield tmp_path


def kept(number: int = 1, name: str = "CheckLogs", *, url: str = NOBODY_LISTENS, **fields: Any) -> spool.Waiting:
    key = f"00000000-0000-4000-8000-{number:012}"
    return spool.keep(name, fields or CHECKED, key, url=url, project="demo", principal=None, happened_at=NOON)


# -- what waits


def test_a_report_is_on_disk_and_readable_by_nobody_else_before_it_is_said_to_wait(home: Path) -> None:
    flushed: list[str] = []
    fsync = os.fsync

    def note(handle: int) -> None:
        flushed.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        fsync(handle)

    with patch("os.fsync", note):
        kept()
    [waits] = spool.waiting()
    assert flushed == ["file", "folder"]
    assert waits.path is not None
    assert stat.S_IMODE(waits.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(waits.path.parent.stat().st_mode) == 0o700
    assert waits.fields == CHECKED


@pytest.mark.parametrize("name", sorted(set(PUBLISHED) - spool.REPORTS))
def test_nothing_waits_but_reports_of_what_happened(home: Path, name: str) -> None:
    with pytest.raises(NoReport):
        kept(name=name)
    assert spool.waiting() == []


def test_what_waits_asks_for_nothing_and_gives_no_leave() -> None:
    assert all(name.startswith(("Report", "Check", "Observe")) for name in spool.REPORTS)
    assert not {name for name in spool.REPORTS if "Adjust" in name or "Problem" in name}


def test_reports_wait_in_the_order_in_which_they_were_made(home: Path) -> None:
    for number in (3, 1, 2):
        kept(number)
    assert [each.path.name[:8] for each in spool.waiting() if each.path] == ["00000001", "00000002", "00000003"]
    spool.sent(spool.waiting()[0])
    kept(9)
    assert [each.path.name[:8] for each in spool.waiting() if each.path] == ["00000002", "00000003", "00000004"]


def test_the_same_report_waits_once(home: Path) -> None:
    kept(1)
    kept(2)
    assert kept(1).key == kept(1).key
    assert len(spool.waiting()) == 2


def test_each_says_when_it_was_itself_or_by_the_hour_of_the_report(home: Path) -> None:
    logs = kept(1)
    failed = kept(2, "ReportDeployFailed", release="1", deploy="D-1", fencing_token=1, phase="run", error="no",
                  environment_left="unknown")  # fmt: skip
    seen = kept(3, "ObserveFact", environment="stage", kind="other", source="me", description="x",
                happened_at="2026-11-26T09:00:00Z")  # fmt: skip
    assert "happened_at" not in logs.fields
    assert failed.fields["happened_at"] == "2026-11-26T12:00:00Z"
    assert seen.fields["happened_at"] == "2026-11-26T09:00:00Z"


def test_what_a_report_names_waits_with_it_and_goes_with_it(home: Path) -> None:
    named = spool.keep_evidence(b"<testsuite/>", "application/xml")
    for number in (1, 2):
        kept(number, "ReportTestRun", run="T-1", report=named)
    first, second = spool.waiting()
    assert list(spool.evidence_of(first)) == [(b"<testsuite/>", "application/xml")]
    spool.sent(first)
    assert list(spool.evidence_of(second)) == [(b"<testsuite/>", "application/xml")]
    spool.sent(second)
    assert list((spool.directory() / "evidence").iterdir()) == []


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"name": "CheckLogs"}'])
def test_a_file_that_holds_no_report_stops_what_stands_behind_it(home: Path, text: str) -> None:
    kept(1)
    [waits] = spool.waiting()
    assert waits.path is not None
    waits.path.write_text(text, encoding="utf-8")
    with pytest.raises(BrokenReport, match="holds no report"):
        spool.waiting()
    done = Terminal(home, NOBODY_LISTENS).inside("sync")
    assert (done.code, "look at it, and move it away" in done.stderr) == (1, True)


def test_a_request_in_the_spool_is_never_sent(home: Path) -> None:
    with scripted(gives(200, b"{}", "application/json")) as script:
        kept(url=script.url)
        [waits] = spool.waiting()
        assert waits.path is not None
        document = json.loads(waits.path.read_text(encoding="utf-8"))
        waits.path.write_text(json.dumps({**document, "name": "StartDeploy"}), encoding="utf-8")
        assert Terminal(home, script.url).inside("sync").code == 1
        assert [asked.path for asked in script.asked if "commands" in asked.path] == []


# -- while the server is away


def test_a_report_that_cannot_be_sent_waits_and_every_call_says_how_many(home: Path) -> None:
    terminal = Terminal(home, NOBODY_LISTENS)
    checked = ["logs", "checked", "production", "--since", "2026-11-26T10:00:00Z", "--clean"]
    first = terminal.inside(*checked)
    assert first.code == 7
    assert "CheckLogs of production is not recorded yet: it waits here" in first.stderr
    assert "1 report of facts waits in the spool" in first.stderr
    assert terminal.inside(*checked, "--json").json["waiting"] == 2
    assert "2 reports of facts wait in the spool" in terminal.inside("status").stderr
    assert terminal.inside("status", "--json").json["waiting"] == 2
    doctor = terminal.inside("doctor")
    assert (doctor.code, "✗ spool" in doctor.stdout, "dt sync" in doctor.stderr) == (1, True, True)
    sync = terminal.inside("sync")
    assert (sync.code, "2 reports of facts wait" in sync.stderr) == (7, True)
    assert len(spool.waiting()) == 2


def test_what_asks_for_leave_does_not_wait(home: Path) -> None:
    done = Terminal(home, NOBODY_LISTENS).inside("env", "freeze", "production", "-m", "x")
    assert (done.code, spool.waiting()) == (7, [])


def test_a_report_that_was_sent_and_not_answered_waits_under_a_key_of_its_own(home: Path) -> None:
    with scripted(hangs_up) as script:
        words = ["env", "observe", "stage", "--kind", "other", "--source", "me", "--what", "x"]
        done = Terminal(home, script.url).inside(*words)
        key = script.asked[0].headers["Idempotency-Key"]
    assert done.code == 7
    [waits] = spool.waiting()
    assert waits.key != key
    assert "happened_at" in waits.fields


@pytest.mark.parametrize("kind, status", [("unavailable", 503), ("unexpected", 500), ("not-authenticated", 401)])
def test_what_says_nothing_about_the_report_leaves_it_waiting(home: Path, kind: str, status: int) -> None:
    with scripted(problem(kind, status)) as script:
        kept(url=script.url)
        assert Terminal(home, script.url).inside("sync").code != 0
    assert len(spool.waiting()) == 1
    assert spool.refused() == []


def test_what_waits_for_another_server_or_project_is_not_sent_to_this_one(home: Path) -> None:
    with scripted(problem("refused", 409)) as script:
        kept(1)
        spool.keep("CheckLogs", CHECKED, "00000000-0000-4000-8000-000000000002", url=script.url, project="other",
                   principal=None, happened_at=NOON)  # fmt: skip
        done = Terminal(home, script.url).inside("sync")
        assert (done.code, script.asked) == (0, [])
    assert "no report waits here" in done.stderr


# -- when it is back


@pytest.fixture(scope="module")
def served(
    postgres_server: PostgresServer, team_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    with on_a_copy(postgres_server, team_template, tmp_path_factory.mktemp("synced"), "synced") as running:
        story = Story(running)
        story.begin()
        yield story


def begun(story: Story, name: str) -> dict[str, Any]:
    """A deploy that runs, as its report names it."""
    story.open(name, name)
    story.content(name, contains=["4.11.2"])
    asked = event(story.by("anton", "RequestDeploy", release=name, environment="sandbox-anton"), "DeployRequested")
    observed = {"identity": story.served["anton"].get("/environments/sandbox-anton")["identity"]}
    identity = {key: observed["identity"][key] for key in ("system_identifier", "database")}
    fields = {"release": name, "deploy": asked["deploy"], "observed": {"identity": identity, "feed": "IEX Sandbox"}}
    return event(story.served["ci-1"].command("StartDeploy", fields), "DeployStarted")


def finish(home: Path, story: Story, started: dict[str, Any]) -> Done:
    """Report it by hand while the server is away; then the terminal finds the server again."""
    terminal = Terminal(home, NOBODY_LISTENS, now=story.served.now)
    done = terminal.inside(
        "deploy", "finish", started["release"], "sandbox-anton", "--deploy", started["deploy"], "--token",
        str(started["fencing_token"]), "--found", started["content_digest"], who="ci-1",
    )  # fmt: skip
    assert done.code == 7, done.stderr
    for path in spool.directory().glob("*.json"):
        path.write_text(path.read_text(encoding="utf-8").replace(NOBODY_LISTENS, story.served.url), encoding="utf-8")
    return done


def sync(home: Path, served: Served, *words: str) -> Done:
    return Terminal(home, served.url, served.project, served.now).inside("sync", *words, who="ci-1")


def happened(story: Story, release: str, kind: str) -> list[dict[str, Any]]:
    return list(story.served["anton"].get("/events", type=kind, release=release)["events"])


def test_a_report_in_its_lease_counts_and_is_marked_late(home: Path, served: Story) -> None:
    started = begun(served, "8.0.1")
    told = served.served.now
    finish(home, served, started)
    copy = home / "copy"
    shutil.copytree(spool.directory(), copy)
    served.later(minutes=5)
    done = sync(home, served.served)
    assert (done.code, spool.waiting()) == (0, []), done.stderr
    [succeeded] = happened(served, "8.0.1", "DeploySucceeded")
    assert told is not None
    assert datetime.fromisoformat(succeeded["occurred_at"]) == told
    assert datetime.fromisoformat(succeeded["recorded_at"]) == served.served.now
    # Sent again, as after a crash just before the file was taken away, it is the same command.
    shutil.copytree(copy, spool.directory(), dirs_exist_ok=True)
    assert sync(home, served.served).code == 0
    assert len(happened(served, "8.0.1", "DeploySucceeded")) == 1
    assert spool.waiting() == []


def test_a_report_that_had_arrived_already_is_recorded_once(home: Path, served: Story) -> None:
    started = begun(served, "8.0.2")
    finish(home, served, started)
    fields = {name: started[name] for name in ("release", "deploy", "fencing_token")}
    served.by("ci-1", "ReportDeploySucceeded", **fields, observed_digest=started["content_digest"])
    done = sync(home, served.served)
    assert done.code == 0
    assert "already so" in done.stdout
    assert len(happened(served, "8.0.2", "DeploySucceeded")) == 1


def test_a_report_after_its_lease_is_an_observation(home: Path, served: Story) -> None:
    started = begun(served, "8.0.3")
    finish(home, served, started)
    told = served.served.now
    served.later(minutes=20)
    done = sync(home, served.served, "--json")
    assert done.code == 0
    [sent] = done.json["sent"]
    assert "FactObserved" in [each["type"] for each in sent["events"]]
    assert happened(served, "8.0.3", "DeploySucceeded") == []
    [fact] = served.served["anton"].get("/events", type="FactObserved", environment="sandbox-anton")["events"][:1]
    assert told is not None
    assert datetime.fromisoformat(fact["occurred_at"]) == told
    assert served.served["anton"].get("/environments/sandbox-anton")["occupancy"]["state"] == "unsure"
    fields = {"environment": "sandbox-anton", "state": "empty", "reason": "looked"}
    served.served.by_two("StateContent", fields, asks="rm-1", confirms="qa-1")


def test_what_is_refused_is_put_aside_with_the_answer_and_the_next_is_sent(home: Path, served: Story) -> None:
    started = begun(served, "8.0.4")
    finish(home, served, {**started, "fencing_token": 99_999})
    finish(home, served, started)
    done = sync(home, served.served)
    assert done.code == 3
    assert "was refused; it is kept in" in done.stderr
    assert "1 sent, 1 refused, 0 still waiting" in done.stderr
    [refused] = spool.refused()
    assert refused.refused is not None
    assert refused.refused["decision"]["result"] == "refused"
    assert len(happened(served, "8.0.4", "DeploySucceeded")) == 1
    doctor = Terminal(home, served.served.url, served.served.project, served.served.now).inside("doctor")
    assert "refused: ReportDeploySucceeded" in doctor.stdout


def test_a_report_is_sent_by_nobody_but_who_made_it(home: Path, served: Story) -> None:
    fields = {"environment": "sandbox", "kind": "other", "source": "me", "description": "it was slow"}
    spool.keep("ObserveFact", fields, "00000000-0000-4000-8000-000000000077", url=served.served.url,
               project=served.served.project, principal="anton", happened_at=served.served.now or NOON)  # fmt: skip
    done = sync(home, served.served)
    assert (done.code, len(spool.waiting())) == (4, 1)
    assert "a report by anton, who is not logged in here" in done.stderr
    terminal = Terminal(home, served.served.url, served.served.project, served.served.now)
    assert terminal.inside("sync", who="anton").code == 0


def test_the_evidence_is_sent_before_the_report_that_names_it(home: Path, served: Story) -> None:
    run = served.start_tests()
    served.later(minutes=1)
    (home / "report.xml").write_text('<testsuite><testcase classname="a" name="b"/></testsuite>', encoding="utf-8")
    named = spool.keep_evidence((home / "report.xml").read_bytes(), "application/xml")
    assert served.served.now is not None
    now = served.served.now.isoformat()
    fields = {"environment": "tests", "run": run["run"], "fencing_token": run["fencing_token"], "verdict": "passed",
              "suite_digest": digest("suite"), "report": named, "started_at": now, "finished_at": now,
              "counts": {"total": 1, "passed": 1, "failed": 0, "skipped": 0}}  # fmt: skip
    spool.keep("ReportTestRun", fields, "00000000-0000-4000-8000-000000000078", url=served.served.url,
               project=served.served.project, principal="ci-1", happened_at=NOON)  # fmt: skip
    done = sync(home, served.served)
    assert done.code == 0, done.stderr
    assert served.served["anton"].get_evidence(named) == (home / "report.xml").read_bytes()
