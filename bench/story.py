"""What every caller does, again and again: a release from its opening to a requested deploy, and its end."""

from __future__ import annotations

import hashlib
from typing import Any

Content = dict[str, Any]

STEPS = ("open", "content", "hold", "lift", "deploy", "withdraw")
ARTIFACTS = 2
COMMITS = 3


def digest(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def content_of(name: str) -> Content:
    """Return what the release is made of, as JSON: the same for both sides."""
    return {
        "artifacts": [
            {"purl": f"pkg:oci/trader-{part}@{name}", "digest": digest(f"{name} {part}")} for part in range(ARTIFACTS)
        ],
        "commits": [
            {
                "repository": "trader",
                "sha": sha(f"{name} {number}"),
                "author": "anton",
                "time": "2026-11-26T09:00:00Z",
            }
            for number in range(COMMITS)
        ],
        "head": [{"repository": "trader", "sha": sha(f"{name} {COMMITS - 1}")}],
    }
