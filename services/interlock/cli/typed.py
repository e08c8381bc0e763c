"""A digest that a person types the beginning of, having read what it stands for; nothing answers that for them."""

from __future__ import annotations

import sys

from interlock.cli.exits import REFUSED, USAGE, Halt
from interlock.cli.session import Session

TYPED_CHARACTERS_MIN = 6


def typed(
    session: Session, digest: str, prefix: str | None, question: str, *, of: str, then: tuple[str, str], again: str
) -> None:
    """Let a person type the first characters of the digest `of` something, or take them from `--digest`.

    `then` is the command that shows it; `again` says what it shows after a slip. Raises Halt: refused where they are
    others, usage where nobody can be asked.
    """
    if prefix is None:
        if not session.interactive:
            raise Halt(
                f"{question}: nobody can be asked here",
                code=USAGE,
                why="give --digest and the first six characters (or more) of what you read; --yes does not answer this",
                then=(then,),
            )
        sys.stderr.write(f"{question}: ")
        sys.stderr.flush()
        prefix = sys.stdin.readline()
    said = prefix.strip().lower().removeprefix("sha256:")
    if len(said) < TYPED_CHARACTERS_MIN or not digest.removeprefix("sha256:").startswith(said):
        raise Halt(
            f"{said or 'nothing'!r} are not the first six characters of the digest of {of}: nothing was done",
            code=REFUSED,
            why="what was read and what is there now may differ, or the fingers slipped",
            then=((then[0], again),),
        )
