"""Who must act, as `dt todo` and `dt status` say it: by when, and for whom it is when that is over."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from interlock.cli import seams
from interlock.cli.render.lines import plain
from interlock.cli.render.obligations import is_mine, obligation_lines
from interlock.cli.render.times import Scene

NOW = datetime(2026, 11, 26, 14, 5, tzinfo=UTC)
REACT: dict[str, Any] = {
    "who": ["anton"],
    "what": 'react to "orders are lost" in production',
    "command": "dt problem ack P-1",
    "by": "2026-11-26T14:00:00Z",
    "overdue": True,
    "escalates_to": ["admin-1", "rm-1"],
}


def shown(obligation: dict[str, Any], *, ahead: bool = True, me: str = "rm-1") -> str:
    scene = Scene(NOW, 100, seams.local, me, "")
    return "\n".join(plain([each]) for each in obligation_lines([obligation], scene, ahead=ahead))


def test_after_its_time_a_reaction_is_for_those_who_answer_for_releases() -> None:
    assert "overdue 5 m" in shown(REACT)
    assert "escalated to rm-1 (you), admin-1" in shown(REACT, ahead=False)
    assert is_mine(REACT, Scene(NOW, 100, seams.local, "rm-1", ""))


def test_before_that_it_says_for_whom_it_will_be_and_status_does_not() -> None:
    waiting = {**REACT, "overdue": False, "by": "2026-11-26T14:10:00Z"}
    assert "after that also for rm-1 (you), admin-1" in shown(waiting)
    assert "admin-1" not in shown(waiting, ahead=False)
    assert not is_mine(waiting, Scene(NOW, 100, seams.local, "rm-1", ""))
