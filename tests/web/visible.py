"""What is said of one release in the board's visible text."""

from __future__ import annotations

import re


def lines_about(text: str, release: str) -> str:
    """What the board's text says of one release: from its name at a line's beginning to the next release's."""
    part = text[text.index("What blocks what") : text.index("Who must act")]
    begin = re.search(rf"^{re.escape(release)}\b", part, flags=re.MULTILINE)
    assert begin is not None, part
    rest = part[begin.end() :]
    following = re.search(r"^\d+\.\d+\.\d+ ", rest, flags=re.MULTILINE)
    return rest[: following.start()] if following is not None else rest
