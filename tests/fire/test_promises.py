"""docs/PROMISES.md cannot rot: each test it names is there, and each command runs the tests beside it."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.house.tree import REPOSITORY

TEXT = (REPOSITORY / "docs" / "PROMISES.md").read_text(encoding="utf-8")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
# Promise 5 has no attacks yet, and its heading comes with them.
PROMISES = ["1", "2", "3", "4", "6"]
# What judges, and is not attacked itself.
TOOLS = {"test_promises.py"}


@dataclass(frozen=True)
class Row:
    attack: str
    path: str
    test: str
    figures: str
    command: str


def rows() -> Iterator[Row]:
    for line in TEXT.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| ") and len(cells) == 4 and "`" in cells[3]:
            found = TEST.fullmatch(cells[1])
            assert found, line
            yield Row(cells[0], found[1], found[2], cells[2], cells[3].strip("` |"))


def functions(path: str) -> dict[str, str]:
    """The test functions of a file, each with the text of its decorators and of the module's marks."""
    text = (REPOSITORY / path).read_text(encoding="utf-8")
    tree = ast.parse(text)
    marks = "".join(
        ast.unparse(one) for one in tree.body if isinstance(one, ast.Assign) and "pytestmark" in ast.unparse(one)
    )
    return {
        one.name: marks + "".join(ast.unparse(decorator) for decorator in one.decorator_list)
        for one in ast.walk(tree)
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
    }


ROWS = [*rows()]


def test_every_promise_has_its_attacks() -> None:
    assert re.findall(r"^## (\d)\. ", TEXT, flags=re.MULTILINE) == PROMISES
    for section in re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:]:
        assert TEST.search(section), section[:60]
    assert len(ROWS) >= 20


@pytest.mark.parametrize("path, name", sorted(set(TEST.findall(TEXT))))
def test_a_test_that_is_named_is_there(path: str, name: str) -> None:
    assert name in functions(path), f"{path} has no test {name}"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.test)
def test_a_command_runs_the_test_beside_it_and_has_figures(row: Row) -> None:
    words = shlex.split(row.command)
    assert words[0] == ".venv/bin/pytest", row.command
    assert row.path in words
    faults = "pytest.mark.faults" in functions(row.path)[row.test]
    assert faults == ("-m" in words and words[words.index("-m") + 1] == "faults"), row.command
    assert faults == row.attack.startswith("*long*"), row.attack
    if "-k" in words:
        assert words[words.index("-k") + 1] in row.test
    assert row.figures
    assert not re.fullmatch(r"[A-Z]+", row.figures), f"{row.test}: {row.figures} was never filled in"


def test_every_module_that_attacks_is_told_of() -> None:
    modules = {path.name for path in (REPOSITORY / "tests" / "fire").glob("test_*.py")} - TOOLS
    told = {path.rpartition("/")[2] for path, _ in TEST.findall(TEXT)}
    assert modules <= told
