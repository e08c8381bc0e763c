"""What settings only name: a secret in a variable or a file, and an address that may hold one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from interlock.serve.refusals import CannotStart


def resolve(reference: str, *, home: Path, environ: Mapping[str, str]) -> str:
    """Return the database address that `reference` leads to. Raises CannotStart, and never shows the address."""
    if reference.partition(":")[0] in {"env", "file"}:
        return secret("database address", reference, home=home, environ=environ)
    try:
        password = urlsplit(reference).password
    except ValueError as wrong:
        raise CannotStart("database address", "it is none", 'as in "env:INTERLOCK_DSN"') from wrong
    if password is not None:
        raise CannotStart(
            "database address",
            "the file holds a password",
            'put the address into a secret and name that: "env:NAME" or "file:PATH"',
        )
    return reference


def secret(what: str, reference: str, *, home: Path, environ: Mapping[str, str]) -> str:
    """Return what stands in the variable or the file (relative: from `home`) that `reference` names.

    White space around what a file holds is no part of it. Raises CannotStart where nothing is there.
    """
    kind, _, place = reference.partition(":")
    if kind == "env":
        if not environ.get(place):
            raise CannotStart(f"{what} {reference}", "the environment has no such variable", f"set {place}")
        return environ[place]
    try:
        found = (home / place).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as missing:
        raise CannotStart(f"{what} {reference}", str(missing), "put it into that file") from missing
    if not found:
        raise CannotStart(f"{what} {reference}", "the file is empty", "put it into that file")
    return found
