"""The automatic tests that files of Python define, by the names under which JUnit reports have them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

PYTHON: Final = ".py"


class NotReadable(ValueError):
    """the tests of a file cannot be read"""


def names_in(path: str, content: bytes) -> list[str]:
    """Return "classname.name" of each test, as pytest's report names them. Raises NotReadable."""
    if not path.endswith(PYTHON):
        raise NotReadable("only the tests of Python are read: name others with --new-test")
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as wrong:
        raise NotReadable(f"it is no Python ({type(wrong).__name__})") from None
    module = ".".join(PurePosixPath(path).with_suffix("").parts)
    return list(dict.fromkeys(_tests(tree, module)))


def _tests(node: ast.Module | ast.ClassDef, place: str) -> Iterator[str]:
    for each in _below(node):
        if isinstance(each, ast.ClassDef):
            if each.name.startswith("Test") or any(_is_case(base) for base in each.bases):
                yield from _tests(each, f"{place}.{each.name}")
        elif each.name.startswith("test"):
            yield f"{place}.{each.name}"


def _below(node: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """Yield what is defined there, also under a condition."""
    for each in ast.iter_child_nodes(node):
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield each
        elif isinstance(each, ast.If | ast.Try | ast.With | ast.ExceptHandler):
            yield from _below(each)


def _is_case(base: ast.expr) -> bool:
    """Whether a class is made from a unittest case: its methods are tests whatever its name is."""
    name = base.attr if isinstance(base, ast.Attribute) else base.id if isinstance(base, ast.Name) else ""
    return name.endswith("TestCase")
