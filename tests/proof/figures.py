"""What the searches of the last `python -m tests.proof` came to: docs/PROOF.md is made of it.

A test of each part compares what it finds with it, so that each may be searched by itself, wherever there is a core.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from tests.proof.guards import Removed
from tests.proof.runs import Searched, part_of, removed_of

FIGURES = Path(__file__).with_name("figures.json")


@dataclass(frozen=True)
class Figures:
    """Of each part, and of each guard that was taken away, in the order in which the page shows them."""

    parts: tuple[Searched, ...]
    removed: tuple[Removed, ...]


@cache
def figures() -> Figures:
    """What was written."""
    told = json.loads(FIGURES.read_text(encoding="utf-8"))
    return Figures(tuple(part_of(one) for one in told["parts"]), tuple(removed_of(one) for one in told["removed"]))


def write(parts: Sequence[Searched], removed: Sequence[Removed]) -> None:
    """Write what was found."""
    told = {"parts": [asdict(part) for part in parts], "removed": [asdict(one) for one in removed]}
    FIGURES.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
