"""What is between two commits of a repository: the commits with all who wrote them, and the files at either end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from interlock.runners.repositories.authors import Author
from interlock.runners.repositories.clones import Clone

# Fields end with NUL, which no part of a commit holds.
FORMAT: Final = "%H%x00%an%x00%ae%x00%cI%x00%s%x00%(trailers:key=Co-authored-by,valueonly,unfold,separator=%x0a)"
FIELDS: Final = 6
TRAILER: Final = re.compile(r"\s*(.*?)\s*<([^<>]+)>\s*")
FILE_MODES: Final = frozenset({"100644", "100755"})


@dataclass(frozen=True, slots=True)
class Span:
    """What a release changes in one repository: from `base`, None for all there is, to `head`.

    It is `straight` where the head has the base in its history: else the release takes something of it back.
    """

    clone: Clone
    base: str | None
    head: str
    straight: bool

    @property
    def name(self) -> str:
        """The repository's name."""
        return self.clone.name


@dataclass(frozen=True, slots=True)
class Written:
    """One commit; `authors` are who git says wrote it, its co-authors among them."""

    repository: str
    sha: str
    authors: tuple[Author, ...]
    time: str
    subject: str


def commits_in(span: Span) -> list[Written]:
    """Return the commits of a span, the newest first."""
    among = [span.head] if span.base is None else [f"{span.base}..{span.head}"]
    told = span.clone.git("log", "-z", f"--format=tformat:{FORMAT}", "--no-show-signature", "--no-notes", *among, "--")
    fields = told.split("\0")[:-1]
    return [_written(span.name, *fields[at : at + FIELDS]) for at in range(0, len(fields), FIELDS)]


def _written(repository: str, sha: str, name: str, address: str, time: str, subject: str, trailers: str) -> Written:
    others = (found for each in trailers.splitlines() if (found := TRAILER.fullmatch(each)))
    authors = (Author(name, address), *(Author(found[1], found[2]) for found in others))
    return Written(repository, sha, tuple(dict.fromkeys(authors)), time, subject)


@dataclass(frozen=True, slots=True)
class File:
    """A file at a commit, by its path and the object that holds its bytes."""

    path: str
    object: str


def files_at(clone: Clone, commit: str | None) -> dict[str, File]:
    """Return the files of a commit by their paths; none where there is no commit."""
    if commit is None:
        return {}
    found: dict[str, File] = {}
    for entry in clone.git("ls-tree", "-r", "-z", "--full-tree", commit).split("\0"):
        told, _, path = entry.partition("\t")
        if path:
            mode, _, name = told.split(" ")
            # Links and submodules hold no bytes of their own.
            if mode in FILE_MODES:
                found[path] = File(path, name)
    return found


def bytes_of(clone: Clone, file: File) -> bytes:
    """Return a file's bytes as they were committed: no filter of a work tree touched them."""
    return clone.raw("cat-file", "blob", file.object)


def changed(span: Span) -> Iterator[tuple[File, File | None]]:
    """Yield the files at the head that are not the same at the base, each with what it was there."""
    before = files_at(span.clone, span.base)
    for path, file in sorted(files_at(span.clone, span.head).items()):
        if before.get(path) != file:
            yield file, before.get(path)
