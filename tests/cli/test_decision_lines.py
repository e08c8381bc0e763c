"""The rendering of a decision: pure, from the answer, the time and the width to lines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from interlock.answers.times import relative, span
from interlock.cli.render.decision import decision_lines
from interlock.cli.render.lines import painted, plain
from interlock.cli.render.times import Scene, moment

NOW = datetime(2026, 11, 26, 14, 5, tzinfo=UTC)
SCENE = Scene(NOW, 100, None, "anton")
WINDOW = {
    "check": "release-window", "state": "waiting", "required": "Sat, Sun 09:00-12:00 GMT",
    "observed": "Thu 14:05 GMT", "passes_at": "2026-11-28T09:00:00Z", "until": "2026-11-28T12:00:00Z",
}  # fmt: skip
MIGRATED = {"check": "migrations-passed", "state": "passed", "observed": "4 migrations, 38 s", "evidence": [18102]}
FREE = {"check": "environment-free", "state": "passed"}
NEEDED = {
    "check": "manual-qa-approved",
    "state": "needed",
    "observed": "nobody decided",
    "who": ["qa-1", "qa-2"],
    "next": "dt qa approve 4.13.0 --env sandbox",
}
FAILED = {
    "check": "no-open-problem",
    "state": "failed",
    "observed": '"quotes freeze" (P-81)',
    "since": "2026-11-26T12:05:00Z",
    "next": "dt problem show P-81",
}


def decision(*checks: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "action": "deploy 4.12.0 to production",
        "result": "refused",
        "position": 18204,
        "policy_version": 7,
        "checks": list(checks),
        **more,
    }


def shown(answer: dict[str, Any], scene: Scene = SCENE, **more: Any) -> str:
    return plain(decision_lines(answer, scene, **more))


def test_where_time_alone_is_missing_it_says_when_it_opens_and_what_to_type() -> None:
    answer = decision(
        FREE,
        MIGRATED,
        WINDOW,
        allowed_at="2026-11-28T09:00:00Z",
        next=[{"command": "dt deploy 4.12.0 production --at-window", "why": "every check runs again then"}],
    )
    assert (
        shown(answer, exit_code=3, foot=["refused @18204"])
        == """\
✗ not yet: 4.12.0 → production                                                              policy 7
  wait  release-window         opens Sat 2026-11-28 09:00 GMT (in 1 d 18 h 55 m), closes 12:00
                               rule: Sat, Sun 09:00-12:00 GMT
  pass  migrations-passed      4 migrations, 38 s                                             @18102
        and 1 more passed
Nothing else is missing. When it opens:
  dt deploy 4.12.0 production --at-window      every check runs again then
refused @18204                                                                                exit 3"""
    )


def test_who_can_act_is_named_and_whether_it_is_oneself() -> None:
    assert "may act: qa-1, qa-2 (not you)" in shown(decision(NEEDED))
    assert "may act: qa-1 (you), qa-2" in shown(decision(NEEDED), Scene(NOW, 100, None, "qa-1"))
    assert "nobody may act yet: see dt team list" in shown(decision({**NEEDED, "who": []}))


def test_every_check_that_does_not_hold_brings_its_command_once() -> None:
    answer = decision(NEEDED, FAILED, next=[{"command": "dt problem show P-81", "why": "no-open-problem"}])
    text = shown(answer)
    assert text.count("dt problem show P-81") == 1
    assert "dt problem show P-81                         for no-open-problem" in text
    assert "dt qa approve 4.13.0 --env sandbox           (qa-1 or qa-2)" in text


def test_since_when_something_fails_is_told() -> None:
    assert "since 12:05, 2 h ago" in shown(decision(FAILED))


def test_a_closed_gate_hides_what_passed_and_all_shows_it() -> None:
    answer = decision(FAILED, MIGRATED, FREE)
    assert "and 2 passed" in shown(answer)
    assert "migrations-passed" not in shown(answer)
    assert "4 migrations, 38 s" in shown(answer, everything=True)


def test_an_open_gate_may_go() -> None:
    text = shown({**decision(MIGRATED), "result": "allowed"})
    assert text.startswith("✓ may go: 4.12.0 → production")


def test_where_the_role_is_missing_it_is_another_person_not_another_time() -> None:
    assert shown(decision({"check": "role-held", "state": "needed", "who": ["qa-1"]})).startswith("✗ not you:")


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_no_line_is_wider_than_the_terminal_where_words_allow(width: int) -> None:
    answer = decision(WINDOW, NEEDED, FAILED, MIGRATED)
    for row in shown(answer, Scene(NOW, width, None, "anton"), everything=True).splitlines():
        assert len(row) <= max(width, 82), row


def test_state_is_a_word_and_a_sign_and_colour_only_adds() -> None:
    lines = decision_lines(decision(WINDOW, FAILED), SCENE)
    assert "\x1b[" not in plain(lines)
    assert "\x1b[33mwait" in painted(lines)


def test_gmt_comes_first_local_in_brackets_and_how_far_last() -> None:
    india = timezone(timedelta(hours=5, minutes=30), "IST")
    scene = Scene(NOW, 100, lambda instant: instant.astimezone(india))
    assert moment("2026-11-28T09:00:00Z", scene) == "Sat 2026-11-28 09:00 GMT (14:30 IST, in 1 d 18 h 55 m)"
    assert moment("2026-11-28T20:00:00Z", scene) == "Sat 2026-11-28 20:00 GMT (Sun 01:30 IST, in 2 d 5 h 55 m)"


@pytest.mark.parametrize(
    "seconds, text",
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 m"),
        (3_600, "1 h"),
        (3_660, "1 h 1 m"),
        (86_400, "1 d"),
        (154_500, "1 d 18 h 55 m"),
    ],
)
def test_lengths_are_told_in_few_words(seconds: int, text: str) -> None:
    assert span(timedelta(seconds=seconds)) == text


def test_now_is_now() -> None:
    assert relative(NOW, NOW) == "now"
