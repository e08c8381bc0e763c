"""docs/GUIDE.md, followed word for word: each command on the page, on real servers, by somebody who is new here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.following import ROOT, Newcomer, blocks, databases, surroundings
from tests.fixtures.ports import free_port

PAGE = ROOT / "docs" / "GUIDE.md"


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Newcomer]:
    """An empty directory, two servers, and nothing else."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        "[user]\n\tname = Max Muster\n\temail = max.muster@work.example\n", encoding="utf-8"
    )
    with databases("p", "s") as servers:
        own = {
            "ADDRESS-OF-PRODUCTION": servers["p"].dsn("postgres", "postgres"),
            "ADDRESS-OF-STAGE": servers["s"].dsn("postgres", "postgres"),
        }
        made = Newcomer(home=tmp_path, port=free_port(), environ=surroundings(home), own=own, where=home)
        try:
            yield made
        finally:
            made.leaves()


@pytest.mark.timeout(600)  # On a quiet machine it takes less than one; every command is a process of its own.
def test_a_newcomer_releases_something_through_all_five_environments(newcomer: Newcomer) -> None:
    for block in blocks(PAGE):
        if block.kind == "sh":
            newcomer.does(block)
        else:
            newcomer.sees(block)
        if "select count" in block.text:
            assert re.search(r"^ +1000 \| +0$", newcomer.shown, re.MULTILINE), newcomer.shown


def test_every_fenced_block_of_the_page_is_found() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert len(blocks(PAGE)) * 2 == page.count("```")
    assert len([block for block in blocks(PAGE) if block.kind == "sh"]) > 10
