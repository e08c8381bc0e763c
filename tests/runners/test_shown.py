"""docs/SHOWN.md names tests, and each of them is there."""

from __future__ import annotations

import ast
import re

from tests.runners.shop import ROOT

PAGE = ROOT / "docs" / "SHOWN.md"
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")
# Fewer would say that the page is not read as it is written.
NAMED_MIN = 60


def defined(path: str) -> set[str]:
    tree = ast.parse((ROOT / "tests" / path).read_text(encoding="utf-8"))
    return {each.name for each in tree.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_test_that_the_page_names_is_there() -> None:
    named = NAMED.findall(PAGE.read_text(encoding="utf-8"))
    assert len(named) >= NAMED_MIN
    missing = [f"{path}::{name}" for path, name in named if name not in defined(path)]
    assert not missing


def test_every_row_of_the_page_names_one() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    assert all(NAMED.search(row) for row in rows if "shown by" not in row)
