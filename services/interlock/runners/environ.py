"""What a configured command finds in its environment: facts of the work it is part of, and no token of Interlock's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TOKEN: Final = "INTERLOCK_TOKEN"  # noqa: S105 - a variable's name
PREFIX: Final = "INTERLOCK_"


def child_environ(environ: Mapping[str, str], **facts: object) -> dict[str, str]:
    """Return the environment of a child: `release="4.12.0"` is INTERLOCK_RELEASE; what is None is not there at all."""
    found = {name: value for name, value in environ.items() if name != TOKEN}
    for name, value in facts.items():
        found.pop(f"{PREFIX}{name.upper()}", None)
        if value is not None:
            found[f"{PREFIX}{name.upper()}"] = str(value)
    return found
