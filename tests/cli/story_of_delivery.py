"""One week through the real rules, at hours that make each figure easy to work out: 4.12.0 goes out, and back again.

Tue 17th  05:00 06:00 07:00   three commits
          08:00               opened, content, deployed to sandbox-anton by 08:02
          10:00               development confirmed; tests until 10:12; in sandbox by 10:14
Wed 18th  09:00               approved in sandbox; in stage by 09:02
          12:00               reviewed; restored by 12:05; core areas approved at 12:05
Sat 21st  09:00 to 09:10      deployed to production
          10:00               P-1 reported there
          10:20 to 10:25      rolled back to 4.11.2
Mon 23rd  08:00               now
"""

from __future__ import annotations

from typing import Any, Final

from interlock.cli.recorded import numbered
from tests.cli.story import Story, event
from tests.fixtures.server import Served

NOW: Final = "2026-11-23T08:00:00+00:00"
SINCE, UNTIL = "2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z"
HOUR = 3600
# Lead time of the three changes:
# Tue 05:00 to Sat 09:10 = 100 h 10, Tue 06:00 = 99 h 10, Tue 07:00 = 98 h 10: the middle one is 99 h 10.
# Working, of the oldest: 05:00 to 10:00 = 5 h, 10:00 to 10:14 = 14 m, stage 2 m, restore 5 m, production 10 m: 5 h 31.
# The window: from the last verdict, Wed 12:05, to Sat 09:00 = 68 h 55.
# A person: Tue 10:14 to Wed 09:00 = 22 h 46, Wed 09:02 to 12:00 = 2 h 58: 25 h 44. Together: 100 h 10.
OLDEST: Final = {
    "total_seconds": 100 * HOUR + 600,
    "working_seconds": 5 * HOUR + 31 * 60,
    "window_seconds": 68 * HOUR + 55 * 60,
    "person_seconds": 25 * HOUR + 44 * 60,
}
MEDIAN_SECONDS: Final = 99 * HOUR + 600
# From P-1's report, 10:00, to the rollback's end, 10:25.
RECOVERY_SECONDS: Final = 25 * 60
# Two deployments in seven days, the first one failed, the second one was for a problem.
PER_WEEK: Final = 2.0
FAILED_PERCENT, REWORK_PERCENT = 50.0, 50.0


def tell(served: Served) -> Story:
    """Tell it."""
    story = Story(served)
    story.begin()
    story.at("11-17T08:00")
    story.develop("4.12.0", contains=["4.11.2"])
    story.at("11-17T10:00")
    story.to_sandbox("4.12.0")
    story.at("11-18T09:00")
    story.to_stage("4.12.0")
    story.at("11-18T12:00")
    story.rehearse("4.12.0", base="4.11.2", snapshot="11-18T07:12")
    story.read_logs("11-21T08:30")
    story.at("11-21T09:00")
    story.deploy("4.12.0", "production", minutes=10)
    story.at("11-21T10:00")
    story.by("qa-2", "ReportProblem", environment="production", title="orders are slow", severity="high")
    story.at("11-21T10:20")
    back(story)
    served.at(NOW)
    return story


def back(story: Story) -> None:
    """Roll production back to what it ran before; it takes five minutes."""
    asked: Any = story.by("rm-1", "RequestRollback", environment="production", problem="P-1", release="4.11.2")
    deploy = event(asked, "DeployRequested")["deploy"]
    story.contents["4.11.2"] = story.digest("content 4.11.2")
    story.run_deploy("4.11.2", "production", deploy, minutes=5)


def restore(story: Story) -> None:
    """Restore production's data into stage anew, so that adjustments can be rehearsed there."""
    began = story.by("ci-1", "StartRestore", environment="stage", source="production", observed=story.observed("stage"))
    lease = event(began, "LeaseGranted")
    story.by(
        "ci-1",
        "ReportRestored",
        environment="stage",
        restore=numbered(lease["subject"], "S"),
        source_release="4.11.2",
        fencing_token=lease["fencing_token"],
        snapshot="production-11-23",
        taken_at="2026-11-23T07:00:00+00:00",
        schema_digest=story.digest("schema 208"),
    )
