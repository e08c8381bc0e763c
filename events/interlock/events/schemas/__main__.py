"""`python -m interlock.events.schemas`: freeze the schemas that are missing; `--check` only looks.

A file that exists is never written again. Exit code 1 when something is not as it must be.
"""

from __future__ import annotations

import json
import sys
from importlib import resources
from typing import Any

from interlock.events import schemas
from interlock.events.catalogue import CATALOGUE


def write_missing() -> list[str]:
    """Freeze the shape of every type that has no file yet; return the names of the new files."""
    written = []
    with resources.as_file(resources.files(schemas)) as directory:
        for type_name, (_, number) in sorted(CATALOGUE.items()):
            file = directory / schemas.file_name(type_name, number)
            if not file.exists():
                text = json.dumps(schemas.today(type_name), indent=2, sort_keys=True, ensure_ascii=False)
                file.write_text(text + "\n", encoding="utf-8")
                written.append(file.name)
        _publish(directory)
    return written


def _publish(directory: Any) -> None:
    """Add the digests of what is new; what stands there already stays as it is."""
    known = schemas.published()
    new = {name: schemas.shape_digest(schema) for name, schema in schemas.frozen().items() if name not in known}
    if new:
        lines = [f"{digest}  {name}\n" for name, digest in sorted({**known, **new}.items())]
        (directory / schemas.PUBLISHED).write_text("".join(lines), encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Run with `--write` (also without any) or `--check`; return the exit code."""
    if set(arguments) - {"--write", "--check"}:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    if "--check" not in arguments:
        for name in write_missing():
            sys.stdout.write(f"frozen  {name}\n")
    found = list(schemas.findings())
    for finding in found:
        sys.stderr.write(f"{finding}\n")
    if not found:
        sys.stdout.write(f"{len(CATALOGUE)} event types, each as its schema froze it\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
