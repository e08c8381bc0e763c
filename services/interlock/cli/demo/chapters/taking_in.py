"""4.12.0 takes the hotfix in: that is new content, so what was proved about the old one is void."""

from __future__ import annotations

from interlock.cli.demo.cast import SANDBOX
from interlock.cli.demo.contents import R4_12_0_WITH_HOTFIX, R4_13_0_WITH_HOTFIX
from interlock.cli.demo.playing import Play
from interlock.cli.demo.steps import approve_in_sandbox, declare, deploy, deploy_to_tests, develop, run_tests


def play(play: Play) -> None:
    """Wednesday afternoon and evening; 4.13.0 does the same."""
    play.at("11-25 15:30")
    declare(play, R4_12_0_WITH_HOTFIX)
    develop(play, R4_12_0_WITH_HOTFIX)
    deploy_to_tests(play, R4_12_0_WITH_HOTFIX)
    run_tests(play)
    play.at("11-25 16:45")
    deploy(play, R4_12_0_WITH_HOTFIX.release, SANDBOX)
    play.at("11-25 17:40")
    approve_in_sandbox(play, R4_12_0_WITH_HOTFIX.release, "qa-1")
    play.at("11-25 18:00")
    declare(play, R4_13_0_WITH_HOTFIX)
    develop(play, R4_13_0_WITH_HOTFIX)
    # Its verdict comes with the nightly tests.
    deploy_to_tests(play, R4_13_0_WITH_HOTFIX)
