"""What a release is made of, over all its repositories at once, as git knows it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final

from interlock.runners.failures import Stopped
from interlock.runners.repositories.authors import Author, People
from interlock.runners.repositories.clones import Clone, UnknownCommit
from interlock.runners.repositories.history import Span, Written, bytes_of, changed, commits_in
from interlock.runners.repositories.patterns import Wanted
from interlock.runners.repositories.tests_named import NotReadable

# The most commits that one event holds.
COMMITS_MAX: Final = 200
# A line of its own in the migration: old programs work after it.
COMPATIBLE: Final = re.compile(rb"^[ \t]*(--|#|//)[ \t]*backward-compatible[ \t]*\r?$", re.MULTILINE | re.IGNORECASE)

# A repository's name -> the commit at which something stands in it.
Heads = Mapping[str, str]


class NoBase(Stopped):
    """it is not known from which commit on the release's commits are its own"""


class TooManyCommits(Stopped):
    """there are more commits than one release's record holds"""


class SameMigration(Stopped):
    """two migrations have the same name"""


@dataclass(frozen=True, slots=True)
class Made:
    """The content's fields, and what a person should be told about them."""

    spans: tuple[Span, ...]
    commits: tuple[Written, ...]
    migrations: tuple[dict[str, Any], ...]
    new_tests: tuple[str, ...]
    contains: tuple[str, ...]
    said: tuple[str, ...] = ()

    def fields(self, people: People) -> dict[str, Any]:
        """Return the fields of SetReleaseContent that git knows; a commit stands there once for each who wrote it."""
        commits = [
            {"repository": each.repository, "sha": each.sha, "author": who, "time": each.time}
            for each in self.commits
            for who in dict.fromkeys(people.recorded(author) for author in each.authors)
        ]
        if len(commits) > COMMITS_MAX:
            raise TooManyCommits(
                f"there are {len(commits)} commits, and at most {COMMITS_MAX} are recorded of a release"
            )
        return {
            "commits": commits,
            "head": [{"repository": span.name, "sha": span.head} for span in self.spans],
            "contains": list(self.contains),
            "migrations": [dict(each) for each in self.migrations],
            "new_tests": list(self.new_tests),
        }

    def strangers(self, people: People) -> list[Author]:
        """Return the authors who are no principals."""
        return sorted({who for each in self.commits for who in each.authors if people.principal(who) is None})


@dataclass(frozen=True, slots=True)
class Asked:
    """Between which commits, and what else is known: the heads of other releases, what is declared compatible."""

    bases: Mapping[str, str | None]
    heads: Heads
    wanted: Wanted
    releases: Mapping[str, Heads] = field(default_factory=dict)
    compatible: frozenset[str] = frozenset()


def spans_of(clones: Sequence[Clone], bases: Mapping[str, str | None], heads: Heads) -> tuple[Span, ...]:
    """Return the span of each clone, commits by their full names. Raises NoBase, UnknownCommit."""
    spans = []
    for clone in clones:
        if clone.name not in bases:
            raise NoBase(f"nobody recorded where production stands in {clone.name}")
        base = bases[clone.name]
        head = clone.commit(heads.get(clone.name, "HEAD"))
        known = None if base is None else clone.commit(base)
        spans.append(Span(clone, known, head, straight=known is None or clone.is_ancestor(known, head)))
    return tuple(spans)


def content_of(clones: Sequence[Clone], asked: Asked) -> Made:
    """Return what git knows of the content. Raises Stopped, named for the situation."""
    spans = spans_of(clones, asked.bases, asked.heads)
    said: list[str] = []
    migrations = sorted(migrations_in(spans, asked.wanted, asked.compatible, said), key=lambda each: each["id"])
    names = [each["id"] for each in migrations]
    for name in names:
        if names.count(name) > 1:
            raise SameMigration(f"{name} stands in more than one place: a migration is known by its file's name")
    return Made(
        spans=spans,
        commits=tuple(each for span in spans for each in commits_in(span)),
        migrations=tuple(migrations),
        new_tests=tuple(dict.fromkeys(new_tests_in(spans, asked.wanted, said))),
        contains=contained(spans, asked.releases),
        said=tuple(said),
    )


def migrations_in(
    spans: Sequence[Span], wanted: Wanted, compatible: frozenset[str], said: list[str]
) -> Iterator[dict[str, Any]]:
    """Yield the migrations that the heads have and the bases do not, by the bytes that were committed."""
    for span in spans:
        for file, before in changed(span):
            if not wanted.migrations.match(span.name, file.path):
                continue
            if before is not None:
                said.append(f"{span.name}: {file.path} was changed after production had it")
            content, name = bytes_of(span.clone, file), PurePosixPath(file.path).name
            yield {
                "id": name,
                "digest": f"sha256:{hashlib.sha256(content).hexdigest()}",
                "backward_compatible": name in compatible or COMPATIBLE.search(content) is not None,
            }


def new_tests_in(spans: Sequence[Span], wanted: Wanted, said: list[str]) -> Iterator[str]:
    """Yield the tests that the heads have and the bases do not."""
    for span in spans:
        for file, before in changed(span):
            read = wanted.tests_of(span.name, file.path)
            if read is None:
                continue
            try:
                old = set() if before is None else set(read.names_in(before.path, bytes_of(span.clone, before)))
            except NotReadable:
                old = set()
            try:
                yield from (test for test in read.names_in(file.path, bytes_of(span.clone, file)) if test not in old)
            except NotReadable as why:
                said.append(f"{span.name}: {file.path}: {why}")


def contained(spans: Sequence[Span], releases: Mapping[str, Heads]) -> tuple[str, ...]:
    """Return the releases whose heads are ancestors of these, in every repository that they touch."""
    places = {span.name: span for span in spans}
    return tuple(sorted(name for name, heads in releases.items() if heads and _within(places, heads)))


def _within(places: Mapping[str, Span], heads: Heads) -> bool:
    for name, sha in heads.items():
        span = places.get(name)
        if span is None:
            return False
        try:
            # A head may be recorded by the first digits of its name.
            known = span.clone.commit(sha)
        except UnknownCommit:
            return False
        if not span.clone.is_ancestor(known, span.head):
            return False
    return True
