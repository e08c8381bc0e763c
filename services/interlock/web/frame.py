"""What stands around every page: the environments, the next window, what time it is, who looks, and from where."""

from __future__ import annotations

import asyncio
from typing import Any

from interlock.web.asked import Asked, Document


async def framed(asked: Asked) -> tuple[Document, Document]:
    """Return the frame, and the whole picture that it is made of (the API's /status). Raises NotAnswered."""
    status, me = await asyncio.gather(asked.get("/status"), asked.now("/whoami"))
    return frame(asked, status, me), status


async def frame_of(asked: Asked) -> Document:
    """Return the frame alone. Raises NotAnswered."""
    return (await framed(asked))[0]


def frame(asked: Asked, status: Document, me: Document) -> Document:
    """Return the frame's document. `head` is the record's last position, `position` the one that is shown."""
    waiting = status["obligations"]
    return {
        "project": asked.project,
        "position": status["position"],
        "head": me["position"],
        "past": asked.at is not None,
        "now": status["now"],
        "test_clock": status["test_clock"],
        "policy": status["policy"],
        "window": status["window"],
        "environments": [_in_short(each, status["problems"]) for each in status["environments"]],
        "waiting": {name: waiting[name] for name in ("count", "overdue", "mine")},
        "problems": len(status["problems"]),
        "me": {"principal": me["principal"], "kind": me["kind"], "roles": me["roles"]},
    }


def _in_short(environment: Document, problems: list[Document]) -> dict[str, Any]:
    occupancy = environment["occupancy"]
    return {
        "environment": environment["environment"],
        "state": occupancy["state"],
        "release": occupancy.get("release"),
        "busy": environment.get("lease") is not None,
        "frozen": environment.get("freeze") is not None,
        "problems": sum(problem["environment"] == environment["environment"] for problem in problems),
    }
