"""`make bench`: every bench here, one after the other; `make bench ARGS="desk"` runs only those named.

A bench is a module of this directory that can be run by itself, as `python -m bench.desk`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
RUNNABLE = 'if __name__ == "__main__":'


def benches() -> list[str]:
    """Return the names of the modules that can be run by themselves."""
    files = sorted(HERE.glob("*.py"))
    return [
        file.stem for file in files if not file.stem.startswith("_") and RUNNABLE in file.read_text(encoding="utf-8")
    ]


def main(wanted: list[str]) -> int:
    """Run the benches that are wanted, or all; return 0, 1 when one failed, 2 when a name is not known."""
    known = benches()
    if unknown := [name for name in wanted if name not in known]:
        print(f"no bench named {', '.join(unknown)}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    failed = []
    for name in wanted or known:
        print(f"== {name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"bench.{name}"], cwd=HERE.parent, check=False).returncode != 0:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
