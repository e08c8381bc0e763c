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
        (
            "ADJ-2 requested to revert ADJ-1: fills of ADJ-2 have the wrong venue"
            " (41444a2d, trades.fills of production, normal risk, open until 2026-12-02 20:36 GMT)"
        ),
        "ADJ-1 amended (41444a2d, trades.fills of production): one row more",
        "ADJ-1 verified (number 2) for 41444a2d as rehearsed @1: read it",
        "ADJ-1 authorized by the rule for 41444a2d: only ben may execute it, until 2026-11-25 20:18 GMT",
        "14 rows that ADJ-1 touches kept as they were, at /backups/ADJ-1 (6261636b, 2048 bytes)",
        "ADJ-1 may be committed in production on 7315: 14 rows, marker ADJ-1/97",
        "rehearsal of ADJ-1 in stage failed: 15 rows",
        "ADJ-1 rehearsed in stage on production's data of 2026-11-24 20:12 GMT (S-1): 14 rows, 0.3 s, rolled back",
        "the authorization of ADJ-1 expired, and its verifications with it",
        "ADJ-1 was not committed: the connection was lost",
        "ADJ-1 executed by ben: 14 rows, 0.3 s",
        "ADJ-2 executed by ben: 14 rows, 0.3 s, as its marker told",
        "the result of ADJ-1 is disputed (P-3): the venue is another",
        "ADJ-1 reverted by ADJ-2",
    ):
        assert line in said


def test_a_long_text_is_cut() -> None:
    tape = Tape()
    cls, _ = CATALOGUE["ReleaseHeld"]
    tape.add("release/4.12.0", cls(reason="wait\n" * 400))
    line = sentence(tape.events[0])
    assert len(line) == SENTENCE_CHARACTERS_MAX
    assert line.endswith("…")
