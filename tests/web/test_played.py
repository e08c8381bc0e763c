"""`dt demo --play`, as somebody sees it who has the board open: a day a second, and never a time that is over."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any, cast

from playwright.sync_api import Page

from interlock.cli.demo.pace import DAY, Pace
from interlock.cli.demo.playing import Play
from tests.fixtures.browser import NOW, WAIT_MS, Browsing
from tests.fixtures.server import Served, token_of
from tests.web.test_live import BOARD, wait_live

STEPS, APART = 20, timedelta(hours=3)
# After each so many steps it is looked whether the board shows them.
LOOKED_AT = 3
# What stands in the header whenever it changes: the clock, and how far the record is.
WATCH = """
window.seen = [];
const look = () => seen.push([Date.parse(document.querySelector('#clock').dateTime), +document.body.dataset.position]);
const everything = { subtree: true, childList: true, attributes: true, characterData: true };
new MutationObserver(look).observe(document.querySelector('header'), everything);
"""


def played_on(served: Served, pace: Pace) -> Play:
    """The demo's own way of playing, on a server with a test clock; this piece of a story needs nothing else."""
    none: Any = cast(Any, None)
    tokens = {"qa-2": token_of("qa-2")}
    return Play(served.client, none, none, none, {}, datetime.fromisoformat(NOW), tokens, {}, pace=pace)


def come_to(page: Page, position: int) -> None:
    page.wait_for_function(f"() => Number(document.body.dataset.position) >= {position}", timeout=WAIT_MS)


def test_the_board_moves_with_what_is_played_in_the_time_of_the_story(browsing: Browsing, thursday: Served) -> None:
    page = browsing.tab()
    page.goto(BOARD)
    wait_live(page)
    page.evaluate(WATCH)
    play = played_on(thursday, Pace(time.monotonic, time.sleep))
    moments: list[datetime] = []
    began = time.monotonic()
    for number in range(STEPS):
        play.later(minutes=APART // timedelta(minutes=1))
        play.do("qa-2", "ReportProblem", environment="sandbox", title=f"number {number}", severity="low")
        moments.append(play.now)
        if number % LOOKED_AT == 0:
            # While it is played the board comes as far, on a slow machine too.
            come_to(page, play.position)
    took = time.monotonic() - began
    # A day takes a second, but for the first step, before which nothing was to wait for.
    assert took >= (moments[-1] - moments[0]) / DAY
    come_to(page, play.position)
    ends = int(moments[-1].timestamp() * 1000)
    page.wait_for_function(f"() => Date.parse(document.querySelector('#clock').dateTime) === {ends}", timeout=WAIT_MS)
    seen: list[list[int]] = page.evaluate("window.seen")
    clock, positions = ([each[column] for each in seen] for column in (0, 1))
    assert clock == sorted(clock), "the clock went back"
    assert positions == sorted(positions)
    # It moved on the way, and did not jump from the beginning to the end.
    assert len(set(clock)) >= STEPS // LOOKED_AT, seen
    assert len(set(positions)) >= STEPS // LOOKED_AT, seen
    thursday.at(moments[-1])
    told = thursday["qa-2"].get("/events", after=0, limit=500, type="ProblemReported")["events"][-STEPS:]
    assert [datetime.fromisoformat(each["recorded_at"]) for each in told] == moments
