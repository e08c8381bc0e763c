"""A story for `dt`'s tests, told through the API: the situation of one Thursday, 2026-11-26 14:05 GMT.

Production runs 4.11.2, which two persons declared; 4.12.0 is rehearsed in stage; 4.13.0 stands in sandbox with an open
problem; the automatic tests of 4.13.1 run; 4.14.0 is being developed.
"""
# Long: one story told in order, and the words that tell it.

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from interlock.cli.recorded import numbered
from tests.fixtures.server import Served

THURSDAY = "2026-11-26T14:05:00+00:00"
FEEDS = {"sandbox-anton": "IEX Sandbox", "sandbox": "IEX Production"}
NEW_TEST = "quotes.test_gap_fill"
ENVIRONMENTS = ("sandbox-anton", "tests", "sandbox", "stage", "production")


def digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def identity(environment: str) -> dict[str, str]:
    return {"system_identifier": f"73150{ENVIRONMENTS.index(environment)}", "database": environment.replace("-", "_")}


def observed(environment: str, **more: Any) -> dict[str, Any]:
    feed = {"feed": FEEDS[environment]} if environment in FEEDS else {}
    return {"identity": identity(environment), **feed, **more}


def event(answer: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The data of the answer's event of that type."""
    [found] = [each["data"] for each in answer["events"] if each["type"] == name]
    assert isinstance(found, dict)
    return found


class Story:
    """Somebody tells what happened; each sentence is a command or a few of them."""

    def __init__(
        self,
        served: Served,
        *,
        identity: Callable[[str], dict[str, str]] = identity,
        digest: Callable[[str], str] = digest,
    ) -> None:
        """`identity` says which place an environment is, `digest` what stands for a text, where these are real."""
        self.served = served
        self.identity = identity
        self.digest = digest
        self.contents: dict[str, str] = {}

    def by(self, who: str, command: str, **fields: Any) -> dict[str, Any]:
        return self.served[who].command(command, fields)

    def observed(self, environment: str, **more: Any) -> dict[str, Any]:
        return observed(environment, **{"identity": self.identity(environment), **more})

    def at(self, instant: str) -> None:
        self.served.at(f"2026-{instant}:00+00:00")

    def later(self, **duration: float) -> None:
        self.served.later(**duration)

    def begin(self) -> None:
        """Register everything; production runs 4.11.2, which two persons declare."""
        for environment in ENVIRONMENTS:
            self.by("admin-1", "RegisterEnvironment", environment=environment, identity=self.identity(environment))
            if environment in FEEDS:
                self.by(
                    "rm-1",
                    "SetDataFeed",
                    environment=environment,
                    feed=FEEDS[environment],
                    volume_percent=25 if environment == "sandbox" else 100,
                )
        self.served.by_two(
            "BaselineEnvironment",
            {
                "environment": "production",
                "release": "4.11.2",
                "content_digest": self.digest("content 4.11.2"),
                "artifacts": [{"purl": "pkg:oci/trader@4.11.2", "digest": self.digest("artifact 4.11.2")}],
                "head": [{"repository": "trader", "sha": sha("4.11.2")}],
                "schema_digest": self.digest("schema 208"),
            },
        )

    def open(self, name: str, title: str, *, who: str = "anton", problem: str | None = None) -> None:
        self.by(
            who,
            "OpenRelease",
            name=name,
            kind="hotfix" if problem else "normal",
            title=title,
            affected_areas=["quotes"],
            **({"problem": problem} if problem else {}),
        )

    def content(
        self,
        name: str,
        *,
        contains: Sequence[str],
        commits: int = 3,
        migrations: int = 0,
        who: str = "anton",
        fixes: Sequence[str] = (),
    ) -> None:
        now = self.served.now
        assert now is not None
        answer = self.by(
            who,
            "SetReleaseContent",
            release=name,
            artifacts=[{"purl": f"pkg:oci/trader@{name}", "digest": self.digest(f"artifact {name}")}],
            commits=[
                {
                    "repository": "trader",
                    "sha": sha(f"{name} {number}"),
                    "author": who,
                    "time": (now - timedelta(hours=number)).isoformat(),
                }
                for number in range(1, commits + 1)
            ],
            head=[{"repository": "trader", "sha": sha(f"{name} 1")}],
            contains=list(contains),
            migrations=[
                {"id": f"{200 + number:04}", "digest": self.digest(f"migration {number}"), "backward_compatible": True}
                for number in range(migrations)
            ],
            adds_functionality=True,
            new_tests=[NEW_TEST],
            fixes=list(fixes),
        )
        self.contents[name] = event(answer, "ReleaseContentSet")["content_digest"]

    def deploy(self, name: str, environment: str, *, migrations: int = 0, minutes: int = 2) -> None:
        asked = self.by(
            "rm-1" if environment == "production" else "anton", "RequestDeploy", release=name, environment=environment
        )
        self.run_deploy(
            name, environment, event(asked, "DeployRequested")["deploy"], migrations=migrations, minutes=minutes
        )

    def run_deploy(self, name: str, environment: str, deploy: str, *, migrations: int = 0, minutes: int = 2) -> None:
        schema = {"schema_digest": self.digest("schema 208")} if environment == "production" else {}
        started = self.by(
            "ci-1", "StartDeploy", release=name, deploy=deploy, observed=self.observed(environment, **schema)
        )
        self.later(minutes=minutes)
        after = {"schema_digest": self.digest(f"schema {208 + migrations}")} if environment == "production" else {}
        self.by(
            "ci-1",
            "ReportDeploySucceeded",
            release=name,
            deploy=deploy,
            fencing_token=event(started, "DeployStarted")["fencing_token"],
            observed_digest=self.contents[name],
            **after,
        )

    def start_tests(self, *, scheduled: bool = False) -> dict[str, Any]:
        answer = self.by(
            "ci-1",
            "StartTestRun",
            environment="tests",
            trigger="scheduled" if scheduled else "manual",
            observed=self.observed("tests"),
        )
        return event(answer, "TestRunStarted")

    def run_tests(self, *, scheduled: bool = False, failed: int = 0, ran: Sequence[str] = (NEW_TEST,)) -> None:
        run = self.start_tests(scheduled=scheduled)
        self.by(
            "ci-1",
            "ReportErased",
            environment="tests",
            cause=f"run {run['run']}",
            observed=self.observed("tests"),
            fencing_token=run["fencing_token"],
        )
        begun = self.served.now
        assert begun is not None
        self.later(minutes=10)
        report = self.served["ci-1"].put_evidence(f"<testsuite run='{run['run']}'/>".encode(), "application/xml")
        self.by(
            "ci-1",
            "ReportTestRun",
            environment="tests",
            run=run["run"],
            fencing_token=run["fencing_token"],
            verdict="failed" if failed else "passed",
            suite_digest=self.digest("suite"),
            report=report,
            counts={"total": 412, "passed": 412 - failed, "failed": failed, "skipped": 0},
            ran=[] if failed else list(ran),
            started_at=begun.isoformat(),
            finished_at=iso(self.served.now),
            failed=["orders.test_cancel_race"][:failed],
        )

    def nightly(self, day: str) -> None:
        self.at(f"{day}T00:00")
        self.run_tests(scheduled=True)

    def develop(self, name: str, *, contains: Sequence[str], migrations: int = 0, problem: str | None = None) -> None:
        """From opening to the first deploy in the developer's sandbox."""
        self.open(name, f"Quotes {name}", problem=problem)
        self.content(name, contains=contains, migrations=migrations, fixes=[problem] if problem else ())
        self.deploy(name, "sandbox-anton")

    def to_sandbox(self, name: str) -> None:
        self.by("anton", "ConfirmDevelopment", release=name)
        self.deploy(name, "tests")
        self.run_tests()
        self.deploy(name, "sandbox")

    def to_stage(self, name: str) -> None:
        self.by("qa-1", "ApproveManualQA", release=name, environment="sandbox", areas=["quotes"])
        self.deploy(name, "stage")

    def rehearse(self, name: str, *, base: str, migrations: int = 0, snapshot: str) -> None:
        """Review, restore, migrate and test in stage, in this order."""
        # Long: one story told in order, most of it the commands' own fields.
        self.by(
            "reviewer-1",
            "ApproveCodeReview",
            release=name,
            base_release=base,
            commit_range=f"v{base}..v{name}",
            diff_digest=self.digest(f"diff {name}"),
        )
        restore = self.by(
            "ci-1", "StartRestore", environment="stage", source="production", observed=self.observed("stage")
        )
        lease = event(restore, "LeaseGranted")
        self.later(minutes=5)
        self.by(
            "ci-1",
            "ReportRestored",
            environment="stage",
            restore=numbered(lease["subject"], "S"),
            source_release=base,
            fencing_token=lease["fencing_token"],
            snapshot=f"production-{snapshot[:5]}",
            taken_at=f"2026-{snapshot}:00+00:00",
            schema_digest=self.digest("schema 208"),
        )
        if migrations:
            begun = self.by(
                "ci-1",
                "StartMigration",
                release=name,
                environment="stage",
                observed=self.observed("stage", schema_digest=self.digest("schema 208")),
            )
            lease = event(begun, "LeaseGranted")
            self.later(minutes=1)
            self.by(
                "ci-1",
                "ReportMigrated",
                release=name,
                environment="stage",
                migration=numbered(lease["subject"], "M"),
                fencing_token=lease["fencing_token"],
                schema_before=self.digest("schema 208"),
                schema_after=self.digest(f"schema {208 + migrations}"),
                migrations=[
                    {"id": f"{200 + number:04}", "digest": self.digest(f"migration {number}"), "duration_ms": 9_500}
                    for number in range(migrations)
                ],
            )
        self.by("qa-1", "ApproveManualQA", release=name, environment="stage", areas=["orders", "quotes", "positions"])

    def read_logs(self, until: str) -> None:
        """Somebody read everything since the last reading."""
        self.at(until)
        state = self.served["anton"].get("/environments/production")
        since = (state["logs"] or {}).get("read_until") or state["occupancy"]["since"]
        self.by(
            "anton", "CheckLogs", environment="production", since=since, until=f"2026-{until}:00+00:00", result="clean"
        )


def sha(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()


def iso(instant: datetime | None) -> str:
    assert instant is not None
    return instant.isoformat()


def thursday(served: Served) -> Story:
    """Tell everything up to Thursday 14:05."""
    story = Story(served)
    story.begin()
    story.at("11-24T09:02")
    story.develop("4.12.0", contains=["4.11.2"], migrations=4)
    story.to_sandbox("4.12.0")
    story.at("11-25T10:12")
    story.to_stage("4.12.0")
    story.at("11-26T09:30")
    story.rehearse("4.12.0", base="4.11.2", migrations=4, snapshot="11-25T07:12")
    story.at("11-26T10:00")
    story.develop("4.13.0", contains=["4.12.0", "4.11.2"], migrations=4)
    story.to_sandbox("4.13.0")
    story.at("11-26T12:05")
    story.by("qa-2", "ReportProblem", environment="sandbox", title="quotes freeze", severity="high")
    story.at("11-26T12:20")
    story.develop("4.13.1", contains=["4.12.0", "4.11.2"], migrations=4)
    story.by("anton", "ConfirmDevelopment", release="4.13.1")
    story.deploy("4.13.1", "tests")
    story.read_logs("11-26T13:14")
    story.at("11-26T13:40")
    story.develop("4.14.0", contains=["4.12.0", "4.11.2"])
    story.at("11-26T13:56")
    story.start_tests()
    story.at("11-26T14:05")
    return story
