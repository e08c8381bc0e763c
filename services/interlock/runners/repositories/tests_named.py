r"""The automatic tests that files define, by the names under which JUnit reports have them.

Python's are read as Python. Those of any other language are found by an expression, whose one group is a test:

[content]
new_tests = ["tests/test_*.py", { files = "**/*_test.go", match = '^func (Test\w+)\(', name = "{test}" }]
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from interlock.events.values import LINE_CHARACTERS_MAX

PYTHON: Final = ".py"
# A file that is larger holds no tests that somebody wrote.
FILE_BYTES_MAX: Final = 4 * 1024 * 1024
# What stands in a name for what a match found: the expression's group, the file's name without its ending.
TEST, STEM = "{test}", "{stem}"


class NotReadable(ValueError):
    """the tests of a file cannot be read"""


@dataclass(frozen=True, slots=True)
class ByExpression:
    """How a language's tests are found: an expression whose one group is a test, and the name that reports give it."""

    expression: Any
    name: str = TEST

    def names_in(self, path: str, content: bytes) -> list[str]:
        """Return the name of each test in the file, once. Raises NotReadable."""
        if len(content) > FILE_BYTES_MAX:
            raise NotReadable(f"it is larger than {FILE_BYTES_MAX >> 20} MiB")
        stem = PurePosixPath(path).stem
        found = (match[1].decode("utf-8", "replace") for match in self.expression.finditer(content) if match[1])
        named = (self.name.replace(STEM, stem).replace(TEST, test) for test in found)
        return list(dict.fromkeys(" ".join(name.split())[:LINE_CHARACTERS_MAX] for name in named))


def names_in(path: str, content: bytes) -> list[str]:
    """Return "classname.name" of each test of Python, as pytest's report names them. Raises NotReadable."""
    if not path.endswith(PYTHON):
        raise NotReadable(
            "only the tests of Python are read by themselves: say how others are found, as in"
            ' { files = "…", match = "…" } of [content] new_tests, or name them with --new-test'
        )
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
