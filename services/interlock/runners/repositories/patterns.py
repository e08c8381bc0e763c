"""Which files of the repositories are migrations and which hold tests: the table `[content]` of interlock.toml.

[content]
migrations = ["migrations/*.sql", "desk:db/**/*.sql"]     # in every repository, or in the one that is named
new_tests = ["tests/test_*.py"]
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from interlock.runners.commands import known_only, table_of
from interlock.runners.connections import NotConfigured

SETTINGS: Final = frozenset({"migrations", "new_tests"})
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
class Wanted:
    """What is looked for in the repositories."""

    migrations: Patterns = Patterns()
    new_tests: Patterns = Patterns()


def wanted_of(document: Mapping[str, Any]) -> Wanted:
    """Return what interlock.toml says. Raises NotConfigured, also where a pattern names no configured repository."""
    table = table_of(document, "content")
    known_only(table, SETTINGS, "content")
    repositories = frozenset(table_of(document, "repositories"))
    return Wanted(*(_patterns(table.get(name, []), f"content.{name}", repositories) for name in sorted(SETTINGS)))


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
