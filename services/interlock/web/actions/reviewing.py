"""The review of a release's changes on a page: the diff that somebody put here, compared with the record, to be read.

Interlock has no clone of anybody's repositories, so it makes no diff. `dt stage review RELEASE --offer` makes one where
there is a clone, and keeps its bytes as evidence; here they are compared with their digest, and the commits they say
they lead from and to with those of the record. Where something differs there is no form. A clone gives the same digest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from interlock.answers.reviewed import NOTHING_READ, commit_range
from interlock.answers.visible import visible_lines
from interlock.events.canonical import digest_of_bytes
from interlock.web.asked import Asked, Document, named
from interlock.web.asking import NotAnswered

# What is longer is not read on a page; `dt stage review` shows it.
DIFF_BYTES_MAX: Final = 200_000
OCCUPANTS_LOOKED_AT: Final = 50
# What git calls the tree without files, in both of its forms: where production has nothing, all is new.
EMPTY_TREES: Final = frozenset(
    {
        "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
        "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
    }
)
_DIGEST: Final = re.compile(r"(?:sha256:)?([0-9a-f]{64})")
# Lines of a diff begin with a sign or with git's own words: none of them with this one.
_HEADER: Final = re.compile(rb"^repository (\S+) ([0-9a-f]{40,64})\.\.([0-9a-f]{40,64})$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Base:
    """What production runs: its release, and its commit in each repository; `heads` is None where nobody knows them."""

    release: str | None
    heads: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Review:
    """What is shown, what the command gets beside the form's fields, and why there is nothing to approve, if so."""

    document: Document
    members: Mapping[str, str]
    digest: str
    obstacle: str | None


async def review_of(asked: Asked, release: Document) -> Review:
    """Return the review of `release`, whose diff the address may name by its digest. Raises NotAnswered."""
    base = await _base(asked)
    content = release.get("content") or {}
    heads = {each["repository"]: each["sha"] for each in content.get("head") or ()}
    document: Document = {
        "release": release["release"],
        "base": base.release,
        "content": content,
        "heads": heads,
        "diff": None,
    }
    members = {"diff_digest": NOTHING_READ, "commit_range": "nothing yet"}
    if base.release is not None:
        members["base_release"] = base.release
    wanted = asked.query.get("diff", "").strip().lower()
    if not wanted:
        return Review(document, members, "", "no diff is named yet")
    found = _DIGEST.fullmatch(wanted)
    if found is None:
        return Review(document, members, "", "a diff is named by its whole digest, of 64 hex digits")
    digest = f"sha256:{found[1]}"
    diff, obstacle = await _diff(asked, digest, heads, base)
    members |= {"diff_digest": digest, "commit_range": _range(diff["spans"]) if diff is not None else "nothing yet"}
    return Review({**document, "diff": diff}, members, digest, obstacle)


async def _base(asked: Asked) -> Base:
    status = await asked.now("/status")
    production = named(status["environments"][-1]["environment"])
    told = await asked.now(f"/environments/{production}/occupants", limit=OCCUPANTS_LOOKED_AT)
    sure = (each for each in told["occupants"] if each["state"] == "occupied" and each.get("release"))
    occupant = next(sure, None)
    if occupant is None:
        return Base(None, {})
    try:
        running = await asked.now(f"/releases/{named(occupant['release'])}")
    except NotAnswered as unknown:
        if unknown.status != 404:
            raise
        # A baseline is what somebody says runs there: no release of the record, and no commits of one.
        return Base(occupant["release"], None)
    content = running.get("content") or {}
    return Base(occupant["release"], {each["repository"]: each["sha"] for each in content.get("head") or ()})


async def _diff(
    asked: Asked, digest: str, heads: Mapping[str, str], base: Base
) -> tuple[dict[str, Any] | None, str | None]:
    """Return the diff as it is shown, None where its bytes are not here; and why it cannot be approved, if so."""
    try:
        content = await asked.asker.content(f"/v1/{named(asked.project)}/evidence/{digest}")
    except NotAnswered as away:
        if away.status != 404:
            raise
        return None, "nobody put a diff of this digest here"
    same = digest_of_bytes(content) == digest
    spans = [tuple(each.decode("ascii", "replace") for each in found) for found in _HEADER.findall(content)]
    lines = None
    if len(content) <= DIFF_BYTES_MAX:
        lines = visible_lines(content.decode("utf-8", "backslashreplace")).split("\n")
    shown = {"digest": digest, "bytes": len(content), "same": same, "spans": spans, "lines": lines}
    shown["base_known"] = base.heads is not None
    if not same:
        return shown, "its bytes have another digest"
    wrong = _differs(spans, heads, base)
    if wrong is not None:
        return shown, wrong
    if lines is None:
        return shown, f"it is too long to be read on a page ({len(content):,} bytes)"
    return shown, None


def _differs(spans: Sequence[tuple[str, ...]], heads: Mapping[str, str], base: Base) -> str | None:
    """Return in what the diff's own first lines differ from the record; None where they agree."""
    if {name: head for name, _, head in spans} != dict(heads) or len(spans) != len(heads):
        return "it does not lead to the commits that the release is made of now"
    for name, begin, _ in spans if base.heads is not None else ():
        expected = {base.heads[name]} if base.heads is not None and name in base.heads else EMPTY_TREES
        if begin not in expected:
            return f"it does not begin at what production runs ({base.release or 'nothing'}) in {name}"
    return None


def _range(spans: Sequence[tuple[str, ...]]) -> str:
    return commit_range([(name, None if begin in EMPTY_TREES else begin, head) for name, begin, head in spans])
