r"""Which files of the repositories are migrations and which hold tests: the table `[content]` of interlock.toml.

[content]
migrations = ["migrations/*.sql", "desk:db/**/*.sql"]     # in every repository, or in the one that is named
new_tests = ["tests/test_*.py", { files = "**/*_test.go", match = '^func (Test\w+)\(' }]     # see `tests_named`
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from interlock.runners.commands import known_only, table_of
from interlock.runners.connections import NotConfigured
from interlock.runners.expressions import NoPattern, compiled
from interlock.runners.repositories.tests_named import TEST, ByExpression, names_in

SETTINGS: Final = frozenset({"migrations", "new_tests"})
NEW_TESTS: Final = "content.new_tests"
ENTRY: Final = frozenset({"files", "match", "name"})
INSTEAD: Final = 'write it as in { files = "**/*_test.go", match = \'^func (Test\\w+)\', name = "{test}" }'
# `*` and `?` stay within a directory, `**/` is any number of directories, none too.
MEANINGS: Final = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
PIECES: Final = re.compile(r"\*\*/|\*\*|\*|\?")


@dataclass(frozen=True, slots=True)
class Patterns:
    """Patterns of paths, each in one repository or (None) in every one."""

    each: tuple[tuple[str | None, re.Pattern[str]], ...] = ()

    def match(self, repository: str, path: str) -> bool:
        """Whether a path of that repository is meant."""
        return any(named in {None, repository} and pattern.fullmatch(path) for named, pattern in self.each)


@dataclass(frozen=True, slots=True)
class TestFiles:
    """Files that hold tests, and how these are found in them: as Python, or by an expression."""

    __test__ = False

    files: Patterns
    found: ByExpression | None = None

    def names_in(self, path: str, content: bytes) -> list[str]:
        """Return the tests of a file under the names that reports have. Raises NotReadable."""
        return names_in(path, content) if self.found is None else self.found.names_in(path, content)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for in the repositories."""

    migrations: Patterns = Patterns()
    new_tests: tuple[TestFiles, ...] = ()

    def tests_of(self, repository: str, path: str) -> TestFiles | None:
        """Return how the tests of a file are found, by the first entry that means it; None where it holds none."""
        return next((each for each in self.new_tests if each.files.match(repository, path)), None)


def wanted_of(document: Mapping[str, Any]) -> Wanted:
    """Return what interlock.toml says. Raises NotConfigured, also where a pattern names no configured repository."""
    table = table_of(document, "content")
    known_only(table, SETTINGS, "content")
    repositories = frozenset(table_of(document, "repositories"))
    migrations = _patterns(table.get("migrations", []), "content.migrations", repositories)
    entries = table.get("new_tests", [])
    if not isinstance(entries, list):
        raise NotConfigured(NEW_TESTS, "it is no list", 'write it as in ["tests/test_*.py"]')
    return Wanted(migrations, tuple(_test_files(each, repositories) for each in entries))


def _test_files(entry: object, repositories: frozenset[str]) -> TestFiles:
    if not isinstance(entry, Mapping):
        return TestFiles(_patterns([entry], NEW_TESTS, repositories))
    known_only(entry, ENTRY, NEW_TESTS)
    files, match, name = entry.get("files"), entry.get("match"), entry.get("name", TEST)
    if not isinstance(match, str) or not isinstance(name, str) or TEST not in name:
        raise NotConfigured(NEW_TESTS, "an entry does not say how a test is found", INSTEAD)
    try:
        expression = compiled(f"(?m){match}", groups=True)
    except NoPattern as why:
        raise NotConfigured(NEW_TESTS, f"{match!r} is no expression ({why})", INSTEAD) from why
    if expression.groups != 1:
        raise NotConfigured(NEW_TESTS, f"{match!r} has {expression.groups} groups, and one is the test", INSTEAD)
    return TestFiles(_patterns([files], NEW_TESTS, repositories), ByExpression(expression, name))


def _patterns(value: object, setting: str, repositories: frozenset[str]) -> Patterns:
    if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
        raise NotConfigured(setting, "it is no list of patterns", 'write it as in ["migrations/*.sql"]')
    found = []
    for text in value:
        named, colon, pattern = text.partition(":")
        if not colon:
            named, pattern = None, text
        elif named not in repositories:
            raise NotConfigured(setting, f"{named!r} is no repository", "name one of [repositories] before the colon")
        found.append((named, re.compile(_regex(pattern), re.DOTALL)))
    return Patterns(tuple(found))


def _regex(pattern: str) -> str:
    made, at = "", 0
    for piece in PIECES.finditer(pattern):
        made += re.escape(pattern[at : piece.start()]) + MEANINGS[piece[0]]
        at = piece.end()
    return made + re.escape(pattern[at:])
