"""Stored events, as bytes: `TYPE.jsonl` holds one canonical body a line, and only ever grows.

`python -m tests.events.corpus` adds lines for types, or schemas of types, that have none yet. A line
is never changed: somewhere in a ledger stand such bytes.
"""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent


def stored() -> dict[str, list[bytes]]:
    """Return all stored bodies by event type."""
    return {file.stem: file.read_bytes().splitlines() for file in sorted(HERE.glob("*.jsonl"))}
