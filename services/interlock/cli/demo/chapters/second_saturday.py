"""The window opens, everything is checked again, and the queued deploy is ready; a night without tests follows."""

from __future__ import annotations

from typing import Any

from interlock.cli.demo.contents import R4_11_2_MENDED
from interlock.cli.demo.playing import Play, StoryStops
from interlock.cli.demo.steps import run_deploy

RELEASE = R4_11_2_MENDED.release


def play(play: Play) -> None:
    """Saturday, and Sunday on which the machine that starts the tests comes back."""
    play.at("11-21 09:02")
    run_deploy(play, ready(play), minutes=9)
    play.at("11-21 18:00")
    play.at("11-22 12:00")


def ready(play: Play) -> dict[str, Any]:
    """Return the request that the window made ready."""
    found = play.get("/events", type="DeployReady", release=RELEASE, data="true")["events"]
    if not found:
        raise StoryStops("the window opened, and the queued deploy is not ready")
    number = found[0]["data"]["deploy"]
    asked = play.get("/events", type="DeployRequested", release=RELEASE, data="true")["events"]
    return next(dict(event["data"]) for event in asked if event["data"]["deploy"] == number)
