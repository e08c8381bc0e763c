"""Thursday, up to 14:05: 4.12.0 has everything but the window, 4.13.0 has a problem, 4.14.0 is being tested."""

from __future__ import annotations

from interlock.cli.demo.cast import CI, SANDBOX, STAGE, TESTS
from interlock.cli.demo.contents import R4_12_0_WITH_HOTFIX, R4_13_0_WITH_HOTFIX, R4_14_0
from interlock.cli.demo.playing import Play, event_of
from interlock.cli.demo.steps import (
    approve_in_stage,
    declare,
    deploy,
    deploy_to_tests,
    develop,
    migrate,
    restore,
    review,
    start_tests,
)

ENDS = "11-26 14:05"
COMPLETE, STOPPED = R4_12_0_WITH_HOTFIX.release, R4_13_0_WITH_HOTFIX.release


def play(play: Play) -> None:
    """The day as it is at five past two."""
    play.at("11-26 08:30")
    deploy(play, STOPPED, SANDBOX)
    play.at("11-26 11:05")
    deploy(play, COMPLETE, STAGE)
    play.at("11-26 11:40")
    review(play, R4_12_0_WITH_HOTFIX, since="4.11.3")
    problem_in_sandbox(play)
    restore(play)
    play.later(minutes=5)
    migrate(play, R4_12_0_WITH_HOTFIX)
    play.at("11-26 12:50")
    play.do("anton", "OpenRelease", name=R4_14_0.release, kind="normal", title="Depth of book in the order ticket")
    declare(play, R4_14_0)
    develop(play, R4_14_0)
    play.at("11-26 13:30")
    approve_in_stage(play, COMPLETE, "qa-1", "settlement", "risk")
    play.later(minutes=10)
    deploy_to_tests(play, R4_14_0)
    running_tests(play)
    play.at(ENDS)
    # The server's clock goes on with a request: somebody looks.
    play.get("/whoami")


def problem_in_sandbox(play: Play) -> None:
    """Qa-2 tries 4.13.0 by hand, and says at once what is wrong with it."""
    play.at("11-26 12:05")
    what = "The quotes window of group 3 stands still after a gap is filled; a second gap wakes it."
    seen = {"environment": SANDBOX, "title": "quotes freeze", "description": what}
    reported = event_of(play.do("qa-2", "ReportProblem", **seen), "ProblemReported")
    play.later(minutes=5)
    play.do("anton", "AcknowledgeProblem", problem=reported["problem"])


def running_tests(play: Play) -> None:
    """The tests of 4.14.0 have begun, and are not at their end."""
    play.later(minutes=6)
    run = start_tests(play, CI)
    play.later(minutes=8)
    play.do(CI, "RenewLease", environment=TESTS, lease=run["lease"], fencing_token=run["fencing_token"])
