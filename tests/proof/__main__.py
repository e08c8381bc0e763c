"""`python -m tests.proof`: search all and write docs/PROOF.md; with --long, more of it, and what is implied."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from tests.proof.document import PATH, document
from tests.proof.figures import write
from tests.proof.guards import PROVED, Removed
from tests.proof.runs import (
    PROCESSES,
    Searched,
    in_processes,
    job,
    long_parts,
    part_names,
    searched_parts,
    without_each,
)


def main(arguments: list[str]) -> int:
    """Do one job, or all of them."""
    if arguments[:1] == ["--job"]:
        print(job(arguments[1], arguments[2]))
        return 0
    parts = list(searched_parts(part_names()))
    removed = sorted(without_each(range(PROCESSES)), key=lambda one: one.guard)
    text = document(parts, removed)
    wrong = [part for part in parts if _wrong(part)]
    failed = bool(wrong)
    if "--long" in arguments:
        failed = _longer(removed) or failed
    if not failed:
        write(parts, removed)
        PATH.write_text(text, encoding="utf-8")
        print(f"wrote {PATH}")
    return 1 if failed else 0


def _wrong(part: Searched) -> bool:
    """Say what was found in the part that must not be."""
    if part.found or part.stuck:
        print(part.name, *(part.found or part.stuck), sep="\n  ")
    return bool(part.found or part.stuck)


def _longer(removed: Sequence[Removed]) -> bool:
    """Search what takes long, and say how far each went; and whether something was wrong."""
    failed = False
    for part in long_parts():
        failed = _wrong(part) or failed
        far = "to its end" if part.whole else f"all within {part.depth - 1} moves; dead ends were not looked for"
        print(f"{part.name}: {part.states:,} states, {part.transitions:,} transitions, {far}", flush=True)
    for answer in in_processes("implied", [one.guard for one in removed if one.where is None]):
        name, found = answer["name"], answer["found"]
        print(f"{name} is implied" if not found else f"{name} is not implied: {found}", flush=True)
        # A name stands in PROVED once this has shown it, and goes when it does not any more.
        failed = failed or bool(found) or name not in PROVED
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
