"""What stands between a person and an adjustment in `dt` itself: digests that are compared, signs that are shown."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from interlock.cli.adjusting import read_adjustment, rows_of, typed_digest
from interlock.cli.commands.adjust_run import run
from interlock.cli.exits import OUTCOME_UNKNOWN, REFUSED, USAGE, VERIFICATION_FAILED, WORK_FAILED, Halt
from interlock.cli.render.adjustments import shown_rows
from interlock.cli.session import Session
from interlock.client import OddAnswer, ProblemAnswer
from interlock.events.codec import digest_of
from interlock.runners.adjust import CannotTell, NotReported, Refused, StillRunning, Stopped
from tests.client.scripted import gives, scripted
from tests.client.test_answers import asking

PLAN = {"purpose": "fills", "script_digest": "sha256:" + "1" * 64}
FOUND = {"adjustment": "ADJ-1", "plan": PLAN, "bound_digest": digest_of(PLAN)}


def telling(found: dict[str, Any]) -> Session:
    """A session whose server answers so."""
    return cast(Session, SimpleNamespace(get=lambda path, at=None: found, interactive=False))


def test_a_plan_that_is_not_the_one_of_its_digest_is_shown_to_nobody() -> None:
    assert read_adjustment(telling(FOUND), "ADJ-1") == FOUND
    other = {**FOUND, "plan": {**PLAN, "purpose": "all fills"}}
    with pytest.raises(Halt, match="is not the one that") as halt:
        read_adjustment(telling(other), "ADJ-1")
    assert halt.value.code == VERIFICATION_FAILED


def test_evidence_that_is_not_that_of_its_digest_is_taken_from_nobody() -> None:
    with (
        scripted(gives(200, b"drop table fills")) as script,
        asking(script.url) as client,
        pytest.raises(OddAnswer, match="other bytes"),
    ):
        client.get_evidence("sha256:" + "0" * 64)


@pytest.mark.parametrize("typed", ["", "12345", "g" * 6, "sha256:", "0" * 64])
def test_what_is_typed_must_be_the_digests_beginning_and_six_characters_at_least(typed: str) -> None:
    with pytest.raises(Halt) as halt:
        typed_digest(telling(FOUND), FOUND, typed, "Type it")
    assert halt.value.code == REFUSED
    assert halt.value.then


def test_the_whole_digest_and_its_beginning_are_taken_and_nobody_is_asked_where_nobody_is() -> None:
    digest = str(FOUND["bound_digest"])
    for typed in (digest, digest.removeprefix("sha256:"), digest[7:13], f" {digest[7:13].upper()} \n"):
        typed_digest(telling(FOUND), FOUND, typed, "Type it")
    with pytest.raises(Halt) as halt:
        typed_digest(telling(FOUND), FOUND, None, "Type it")
    assert halt.value.code == USAGE


def test_what_a_terminal_would_obey_or_hide_is_shown() -> None:
    hidden = "select 1;\x1b[2K\r-- \u202egnp\u200b\x85drop\u2028it\n\tselect 2;\n"
    assert shown_rows(hidden) == ["select 1;\\u001b[2K\\u000d-- \\u202egnp\\u200b\\u0085drop\\u2028it", "\tselect 2;"]


def test_rows_are_a_number_or_two() -> None:
    assert (rows_of("14"), rows_of("10..20"), rows_of("0")) == ((14, 14), (10, 20), (0, 0))
    for odd in ("", "few", "-1", "1...2", "1.5", "1..", "9" * 16):
        with pytest.raises(Halt):
            rows_of(odd)


async def ended(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(
    "error, code",
    [
        (Stopped("an effect query did not say true"), WORK_FAILED),
        (NotReported(OSError("away"), committed=False), WORK_FAILED),
        (NotReported(OSError("away"), committed=True), OUTCOME_UNKNOWN),
        (NotReported(OSError("away"), committed=None), OUTCOME_UNKNOWN),
        (CannotTell("the database does not answer"), OUTCOME_UNKNOWN),
        (StillRunning("the transaction is open"), OUTCOME_UNKNOWN),
    ],
)
def test_how_the_runner_ended_becomes_an_exit_code_and_the_next_command(error: Exception, code: int) -> None:
    with pytest.raises(Halt) as halt:
        run("ADJ-1", ended(error))
    assert halt.value.code == code
    assert halt.value.then[0][0] == "dt adjust show ADJ-1"


def test_what_interlock_refused_is_told_as_every_refusal() -> None:
    problem = ProblemAnswer({"type": "/problems/refused", "title": "no", "status": 409}, 409)
    with pytest.raises(ProblemAnswer):
        run("ADJ-1", ended(Refused(problem)))
