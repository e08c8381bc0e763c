"""Every event type has words, and they fit on a line."""

from __future__ import annotations

from random import Random

import pytest

from interlock.events.catalogue import CATALOGUE
from interlock.projections.sentences import SENTENCE_CHARACTERS_MAX, SENTENCES, sentence
from tests.projections.histories import arbitrary
from tests.projections.story import story
from tests.projections.tape import Tape


def test_every_event_type_has_a_sentence_and_no_other_has() -> None:
    assert SENTENCES.keys() == CATALOGUE.keys()


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_a_sentence_is_one_line_without_holes(name: str) -> None:
    cls, _ = CATALOGUE[name]
    for seed in range(20):
        tape = Tape()
        tape.add("release/4.12.0", arbitrary(Random(seed), cls))
        line = sentence(tape.events[0])
        assert 0 < len(line) <= SENTENCE_CHARACTERS_MAX
        assert line == " ".join(line.split())
        assert "None" not in line
        assert "()" not in line


def test_the_story_reads_like_one() -> None:
    said = [sentence(recorded) for recorded in story().events]
    for line in (
        "project opened by its founders admin-1, admin-2",
        "production declared to run 4.11.0 at the beginning, by admin-1 and admin-2",
        "4.12.0 opened as a normal release: What 4.12.0 brings",
        "4.12.0 is now 66697273: 1 commit, 1 migration",
        "evidence of 4.12.0 is void · TestsPassed: new content",
        "promote requested: D-5 of 4.12.0 to production at the window",
        "D-6 of 4.12.0 to production started by ci-1 over 4.11.0",
        "4.12.0 runs in production (D-6, 7365636f)",
        "tests passed on 4.12.0: 412 of 412 (R-1)",
        "4.12.0 approved in stage (core-and-affected) · quotes",
        "1 migration of 4.12.0 passed on restored data, S-D-4 (M-1), 38.0 s",
        "P-2 reported in production with 4.12.0 (critical): quotes freeze",
        "refused: deploy 4.12.0 to production · missing release-window",
        "4.12.1 opened as a hotfix for P-2: What 4.12.1 brings",
        "4.12.1 confirmed as the hotfix for P-2",
    ):
        assert line in said


def test_a_long_text_is_cut() -> None:
    tape = Tape()
    cls, _ = CATALOGUE["ReleaseHeld"]
    tape.add("release/4.12.0", cls(reason="wait\n" * 400))
    line = sentence(tape.events[0])
    assert len(line) == SENTENCE_CHARACTERS_MAX
    assert line.endswith("…")
