"""`python -m tests.proof`: search everything and write docs/PROOF.md; with --long, more of it, and what is implied."""

from __future__ import annotations

import sys

from tests.proof.document import PATH, document
from tests.proof.runs import all_guards, all_parts, in_processes, job, long_parts


def main(arguments: list[str]) -> int:
    """Do one job, or all of them."""
    if arguments[:1] == ["--job"]:
        print(job(arguments[1], arguments[2]))
        return 0
    parts, removed = all_parts(), all_guards()
    text = document(parts, removed)
    failed = False
    longer = long_parts() if "--long" in arguments else []
    for part in longer:
        print(f"{part.name}: {part.states:,} states, {part.transitions:,} transitions", flush=True)
    for part in (*parts, *longer):
        if part.found or part.stuck:
            failed = True
            print(part.name, *(part.found or part.stuck), sep="\n  ")
    if "--long" in arguments:
        implied = [one.guard for one in removed if one.where is None]
        for answer in in_processes("implied", implied):
            print(answer["name"], "is implied" if not answer["found"] else answer["found"], flush=True)
            failed = failed or bool(answer["found"])
    if not failed:
        PATH.write_text(text, encoding="utf-8")
        print(f"wrote {PATH}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
