"""How `dt` and the pages name what somebody reads before approving it; the record keeps these words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from interlock.events.canonical import digest_of_bytes

SHA_SHOWN: Final = 12
RANGE_CHARACTERS_MAX: Final = 300
# The digest of nothing: with it the rules are asked before anybody read anything.
NOTHING_READ: Final = digest_of_bytes(b"")


def commit_range(spans: Sequence[tuple[str, str | None, str]]) -> str:
    """Return in a line from where to where each repository goes; the diff, kept under its digest, has them in full.

    A span is a repository and its commits, from None where all of it is new.
    """
    ends = [f"{(base or 'nothing')[:SHA_SHOWN]}..{head[:SHA_SHOWN]}" for _, base, head in spans]
    if len(spans) == 1:
        return ends[0]
    text = ", ".join(f"{name} {end}" for (name, _, _), end in zip(spans, ends, strict=True))
    return text if spans and len(text) <= RANGE_CHARACTERS_MAX else f"{len(spans)} repositories"
