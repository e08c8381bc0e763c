"""docs/RULES.md says of every sentence what shows it, and what it names is there."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

from interlock.domain.checks import CHECKS
from tests.domain.guards import GUARDS
from tests.domain.test_each_guard_matters import made_in_place
from tests.house.tree import REPOSITORY

DOCUMENT = (REPOSITORY / "docs" / "RULES.md").read_text(encoding="utf-8")
TESTS = REPOSITORY / "tests" / "domain"
NO_TEST = {"describes", "runner: comes with the runners"}
RULES = 20
SECTIONS_BESIDE = ["The flow", "The gates", "Defaults of policy v1", "What every rule keeps", "The checks"]
NAMED = re.compile(r"`([a-z_/]+\.py)::(test_\w+)(?:\[([a-z-]+)\])?`")


def rows(title: str) -> list[list[str]]:
    """The rows of all tables of one section, without their heads."""
    [section] = re.findall(rf"^## {re.escape(title)}$(.*?)(?=^## |\Z)", DOCUMENT, flags=re.MULTILINE | re.DOTALL)
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [
        cells
        for line in lines
        if (cells := [cell.strip() for cell in line.strip("|").split(" | ")])[0] not in {"Sentence", "Check"}
    ]


def titles() -> list[str]:
    return re.findall(r"^## (.*)$", DOCUMENT, flags=re.MULTILINE)


SENTENCES = [(title, *row) for title in titles() if title != "The checks" for row in rows(title)]


def defined_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_rule_has_its_section_in_order() -> None:
    numbered = [title for title in titles() if title[0].isdigit()]
    assert [int(title.partition(".")[0]) for title in numbered] == [*range(1, RULES + 1)]
    assert [title for title in titles() if title not in numbered] == SECTIONS_BESIDE


@pytest.mark.parametrize("title", titles())
def test_no_section_is_empty(title: str) -> None:
    assert rows(title)


@pytest.mark.parametrize("row", SENTENCES, ids=lambda row: row[1][:60])
def test_every_sentence_says_what_shows_it(row: tuple[str, ...]) -> None:
    assert len(row) == 3, "a row has a sentence and what shows it"
    _, sentence, shown = row
    assert sentence.endswith((".", "`."))
    if shown in NO_TEST:
        return
    references = shown.split("<br>")
    assert all(NAMED.fullmatch(reference) for reference in references), shown


@pytest.mark.parametrize("path,test,check", sorted(set(NAMED.findall(DOCUMENT))))
def test_every_test_that_is_named_exists(path: str, test: str, check: str) -> None:
    assert test in defined_in(TESTS / path)
    assert not check or check in GUARDS


@pytest.mark.parametrize("path", sorted(str(path.relative_to(TESTS)) for path in TESTS.rglob("test_*.py")))
def test_every_file_of_tests_is_named(path: str) -> None:
    assert path in {named for named, _, _ in NAMED.findall(DOCUMENT)}


def test_nothing_is_left_for_later_but_what_runners_do() -> None:
    untested = {shown for _, _, shown in SENTENCES if "`" not in shown}
    assert untested <= NO_TEST
    assert "to come" not in DOCUMENT


def test_every_check_is_told_with_its_own_meaning_and_its_story() -> None:
    told = {row[0].strip("`"): row[1:] for row in rows("The checks")}
    assert set(told) == {*CHECKS, *made_in_place()}
    for name, (meaning, story) in told.items():
        assert story == f"`{GUARDS[name].__name__}`"
        if name in CHECKS:
            assert meaning == (inspect.getdoc(CHECKS[name]) or "").partition("\n\n")[0].replace("\n", " ")
