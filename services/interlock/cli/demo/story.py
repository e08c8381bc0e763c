"""The two weeks from Thursday, 12 November 2026, to Thursday, 26 November, 14:05: one chapter after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from interlock.cli.demo.chapters import CHAPTERS, Chapter
from interlock.cli.demo.chapters.enrolment import BEGINS
from interlock.cli.demo.home import Home
from interlock.cli.demo.playing import Play, instant
from interlock.cli.demo.routine import log_readers, nights
from interlock.client import Client


@dataclass(frozen=True, slots=True)
class Played:
    """A chapter that was played: its refusals, and where releases arrived, each in order; `events` are how many."""

    chapter: Chapter
    refusals: list[dict[str, Any]]
    arrivals: list[tuple[str, str]]
    events: int


def new_play(
    client_for: Callable[[str], Client],
    home: Home,
    tokens: Mapping[str, str],
    codes: Mapping[str, str],
    pace: Callable[[datetime], None],
) -> Play:
    """Return the story at its beginning; `tokens` are everybody's, `codes` the founders', by principal."""
    play = Play(
        client_for,
        home.databases(),
        home.repository(),
        home.places(),
        home.document(),
        instant(BEGINS),
        dict(tokens),
        codes,
        pace=pace,
    )
    play.schedule(nights())
    play.schedule(log_readers())
    return play


def chapters(play: Play) -> Iterator[Played]:
    """Play the story, and give each chapter when it is over. Raises StoryStops."""
    for chapter in CHAPTERS:
        refusals, arrivals, position = len(play.refusals), len(play.arrivals), play.position
        chapter.play(play)
        yield Played(chapter, play.refusals[refusals:], play.arrivals[arrivals:], play.position - position)
