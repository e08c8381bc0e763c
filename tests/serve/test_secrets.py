"""What settings name is read at the start, and what is not there is said; so is a memory that is not kept."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from interlock.serve.refusals import CannotStart
from interlock.serve.remembering import Remembering
from interlock.serve.secret import secret


def test_a_secret_is_what_stands_in_a_variable_or_in_a_file_beside_the_settings(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("  of a file\n", encoding="utf-8")
    for reference in ("file:kept", f"file:{tmp_path}/kept"):
        assert secret("it", reference, home=tmp_path, environ={}) == "of a file"
    assert secret("it", "env:HERE", home=tmp_path, environ={"HERE": "of a variable"}) == "of a variable"


@pytest.mark.parametrize(
    "reference, said",
    [
        ("env:NOWHERE", "no such variable"),
        ("env:EMPTY", "no such variable"),
        ("file:nowhere", "No such file"),
        ("file:empty", "the file is empty"),
        ("file:bytes", "invalid start byte"),
    ],
)
def test_without_its_secret_no_server_starts_and_it_is_said_which_is_missing(
    tmp_path: Path, reference: str, said: str
) -> None:
    (tmp_path / "empty").write_text(" \n", encoding="utf-8")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(CannotStart) as refused:
        secret("the token of /metrics", reference, home=tmp_path, environ={"EMPTY": ""})
    assert f"the token of /metrics {reference}" in str(refused.value)
    assert said in str(refused.value)


class Empty:
    """A ledger without a project."""

    async def heads(self) -> dict[str, int]:
        return {}


async def test_a_memory_that_cannot_be_written_is_told_of_once_and_again_after_it_could(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    directory, ledger = tmp_path / "data", Empty()
    directory.write_text("a file, where a directory should be", encoding="utf-8")
    made = Remembering(directory / "known.json", ledger_of(ledger))
    told = "an older ledger may not be noticed"
    with caplog.at_level(logging.WARNING, "interlock.serve"):
        for _ in range(3):
            await made.note()
        assert caplog.text.count(told) == 1
        directory.unlink()
        await made.note()
        assert (directory / "known.json").read_text(encoding="utf-8") == "{}"
        (directory / "known.json").unlink()
        directory.rmdir()
        directory.write_text("and again", encoding="utf-8")
        await made.note()
        assert caplog.text.count(told) == 2


def ledger_of(empty: Empty) -> Any:
    return empty
