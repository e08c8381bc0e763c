"""The diff from production's release to another one, over all repositories at once, and its digest.

The digest is SHA-256 of these bytes: for each repository, in the order of their names, the line

    repository NAME BASE..HEAD

(commits by their full names, BASE the empty tree where production has nothing of it) and then what `git diff` prints
with the options below, asked in an empty repository that borrows the clone's objects: no settings, no attributes, no
replaced commits. Whoever asks gets the same bytes; files that are not text are named by the digests of their bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from interlock.runners.repositories.clones import Clone, GitFailed
from interlock.runners.repositories.history import Span

# What is stored for ever under the digest has these options; others would be another definition.
OPTIONS: Final = (
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--no-renames",
    "--full-index",
    "--diff-algorithm=myers",
    "--no-indent-heuristic",
    "--unified=3",
    "--inter-hunk-context=0",
    "--ignore-submodules=none",
    "--submodule=short",
    "--src-prefix=a/",
    "--dst-prefix=b/",
)
READ_BYTES: Final = 1 << 20
# Larger ones are not kept as evidence, and not shown whole; their digest is that of all of it.
KEPT_BYTES_MAX: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class Diff:
    """The diff's digest, and its bytes unless there are too many of them."""

    digest: str
    size: int
    content: bytes | None


@dataclass(frozen=True, slots=True)
class Change:
    """How much of a file changed; lines are None where it is no text."""

    repository: str
    path: str
    added: int | None
    deleted: int | None


def diff_of(spans: Sequence[Span]) -> Diff:
    """Return the diff over all repositories. Raises GitFailed."""
    digest, size, kept = hashlib.sha256(), 0, bytearray()
    for block in _blocks(spans):
        digest.update(block)
        size += len(block)
        if size <= KEPT_BYTES_MAX:
            kept += block
    return Diff(f"sha256:{digest.hexdigest()}", size, bytes(kept) if size <= KEPT_BYTES_MAX else None)


def _blocks(spans: Sequence[Span]) -> Iterator[bytes]:
    for span in sorted(spans, key=lambda each: each.name):
        base = base_of(span)
        yield f"repository {span.name} {base}..{span.head}\n".encode()
        with span.clone.stream("diff", *OPTIONS, base, span.head, "--") as process:
            assert process.stdout is not None
            assert process.stderr is not None
            while block := process.stdout.read(READ_BYTES):
                yield block
            words = process.stderr.read().decode("utf-8", "replace").strip()
        if process.returncode != 0:
            raise GitFailed(f"git diff failed in {span.clone.path}: {words}")


def changes_in(span: Span) -> list[Change]:
    """Return the files that changed, with how many lines were added and deleted."""
    options = ("--numstat", "-z", "--no-renames", "--no-ext-diff", "--no-textconv", "--ignore-submodules=none")
    told = span.clone.git("diff", *options, base_of(span), span.head, "--")
    changes = []
    for each in told.split("\0"):
        if each:
            added, deleted, path = each.split("\t", 2)
            changes.append(Change(span.name, path, *(None if n == "-" else int(n) for n in (added, deleted))))
    return changes


def base_of(span: Span) -> str:
    """Return what the head is compared with: the base, or nothing at all."""
    return span.base or empty_tree(span.clone)


def empty_tree(clone: Clone) -> str:
    """Return the name of the tree without files, in the clone's own form."""
    return clone.git("hash-object", "-t", "tree", "--stdin").strip()
