"""The window opens, everything is checked again, and the queued deploy is ready; a night without tests follows."""

from __future__ import annotations

from interlock.cli.demo.cast import PRODUCTION
from interlock.cli.demo.contents import R4_11_2_MENDED
from interlock.cli.demo.playing import Play, StoryStops
from interlock.cli.demo.steps import run_deploy

RELEASE = R4_11_2_MENDED.release


def play(play: Play) -> None:
    """Saturday, and Sunday on which the machine that starts the tests comes back."""
    play.at("11-21 09:02")
    number = ready(play)
    run_deploy(play, RELEASE, PRODUCTION, number, minutes=9, migrations=R4_11_2_MENDED.migrations)
    play.at("11-21 18:00")
    play.at("11-22 12:00")


def ready(play: Play) -> str:
    """Return the deploy that the window made ready."""
    found = play.get("/events", type="DeployReady", release=RELEASE, data="true")["events"]
    if not found:
        raise StoryStops("the window opened, and the queued deploy is not ready")
    return str(found[0]["data"]["deploy"])
