"""4.11.1 goes through all five environments, tries two short cuts, and waits for Saturday."""

from __future__ import annotations

from interlock.cli.demo.cast import PRODUCTION, SANDBOX, STAGE
from interlock.cli.demo.contents import R4_11_1
from interlock.cli.demo.playing import Play
from interlock.cli.demo.steps import (
    approve_in_sandbox,
    approve_in_stage,
    declare,
    deploy,
    deploy_to_tests,
    develop,
    migrate,
    restore,
    review,
    run_tests,
    to_production,
)

RELEASE = R4_11_1.release


def play(play: Play) -> None:
    """From Thursday's first commit to Saturday evening."""
    to_sandbox(play)
    rehearse(play)
    play.at("11-13 15:00")
    # Everything is there, but it is Friday: the window alone is missing.
    play.refused("anton", "RequestDeploy", release=RELEASE, environment=PRODUCTION, because="release-window")
    play.at("11-14 09:00")
    to_production(play, R4_11_1, who="rm-1", minutes=12)
    play.at("11-14 18:00")


def to_sandbox(play: Play) -> None:
    """Develop, test, try by hand."""
    play.at("11-12 10:00")
    play.do("anton", "OpenRelease", name=RELEASE, kind="normal", title="Quotes by group", affected_areas=["quotes"])
    declare(play, R4_11_1)
    play.later(minutes=5)
    develop(play, R4_11_1)
    # No environment is left out, however sure one is.
    play.refused("anton", "RequestDeploy", release=RELEASE, environment=STAGE, because="environment-order")
    play.at("11-12 11:00")
    deploy_to_tests(play, R4_11_1)
    play.later(minutes=2)
    run_tests(play)
    play.at("11-12 13:10")
    deploy(play, RELEASE, SANDBOX)
    # Nobody approves his own work.
    play.refused("anton", "ApproveManualQA", release=RELEASE, environment=SANDBOX, because="approver-independent")
    play.at("11-12 15:20")
    approve_in_sandbox(play, RELEASE, "qa-1")


def rehearse(play: Play) -> None:
    """In stage, in this order: deploy, review, production's data, migrations, core areas by hand."""
    play.at("11-12 16:00")
    deploy(play, RELEASE, STAGE)
    play.at("11-13 09:30")
    review(play, R4_11_1, since="4.11.0")
    play.at("11-13 10:00")
    restore(play)
    play.later(minutes=10)
    migrate(play, R4_11_1)
    play.at("11-13 14:00")
    approve_in_stage(play, RELEASE, "qa-2")
