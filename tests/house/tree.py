"""The repository as the house tests see it: its files, their text, their syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
ROOTS = ("events", "projections", "services")
# Made by tools, by a set-up or by a run; never part of the repository.
MADE = {
    ".git",
    ".venv",
    ".interlock",
    ".kafka",
    ".journal",
    ".promtool",
    ".hypothesis",
    "__pycache__",
    "build",
    "dist",
    "htmlcov",
    "node_modules",
}
BINARY_SUFFIXES = {".png", ".ico", ".pyc", ".woff2", ".gz"}


@dataclass(frozen=True)
class Source:
    """One Python file: where it stands, and what it says."""

    path: str
    text: str = field(repr=False)

    @cached_property
    def tree(self) -> ast.Module:
        """What it parses to; a guard that looks at paths alone waits for no parser."""
        return ast.parse(self.text, self.path)

    @property
    def module(self) -> str:
        """The dotted name as it is imported, without the root: `interlock.desk.batch`."""
        parts = Path(self.path).with_suffix("").parts
        inside = parts[1:] if parts[0] in ROOTS else parts
        return ".".join(part for part in inside if part != "__init__")


def files() -> Iterator[Path]:
    """Every file that belongs to the repository."""
    waiting = [REPOSITORY]
    while waiting:
        for entry in sorted(waiting.pop().iterdir()):
            made = entry.name in MADE or entry.name.endswith(("_cache", ".egg-info"))
            if made or entry.is_symlink():
                continue
            if entry.is_dir():
                waiting.append(entry)
            else:
                yield entry


def texts() -> Iterator[tuple[str, str]]:
    """Every text file: its path in the repository, and its text."""
    for file in files():
        if file.suffix not in BINARY_SUFFIXES:
            yield file.relative_to(REPOSITORY).as_posix(), file.read_text(encoding="utf-8")


def sources(*below: str) -> Iterator[Source]:
    """Every Python file below the given directories of the repository; without any, everywhere.

    One after the other: the syntax trees of all of them together would fill the memory.
    """
    for path, text in texts():
        if path.endswith(".py") and path.startswith(below or ""):
            yield Source(path, text)


def product() -> Iterator[Source]:
    """What is shipped: the Python files of the three roots."""
    return sources(*(f"{root}/" for root in ROOTS))


def packages() -> dict[str, str]:
    """Each package directly below `interlock`, with the root it stands in."""
    return {
        entry.name: root
        for root in ROOTS
        for entry in sorted((REPOSITORY / root / "interlock").glob("*"))
        if entry.is_dir() and any(entry.rglob("*.py"))
    }
