"""Regular expressions of interlock.toml. RE2 reads them: a line takes time as it is long, whatever the pattern is."""

from __future__ import annotations

from typing import Any

import re2


class NoPattern(ValueError):
    """it is no regular expression that can be matched in linear time"""


def compiled(match: str, *, groups: bool = False) -> Any:
    """Return the expression over bytes. Raises NoPattern."""
    options = re2.Options()
    options.log_errors = False
    options.never_capture = not groups
    try:
        return re2.compile(match.encode(), options)
    except (re2.error, UnicodeEncodeError) as wrong:
        said = wrong.args[0] if wrong.args else wrong
        raise NoPattern(said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)) from wrong
