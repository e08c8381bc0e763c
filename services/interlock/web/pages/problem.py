"""One problem: what it is, what it blocks, who must act, and what happened to it."""

from __future__ import annotations

import asyncio

from interlock.web.asked import Asked, Document, named
from interlock.web.frame import framed


async def problem(asked: Asked) -> Document:
    """Return all about the problem. Raises NotAnswered."""
    name = asked.path["name"]
    (frame, status), found, gates = await asyncio.gather(
        framed(asked), asked.get(f"/problems/{named(name)}"), asked.get("/gates")
    )
    blocked = [
        {"release": gate["release"], "environment": gate.get("environment")}
        for gate in gates["gates"]
        if any(f"({name})" in str(check.get("observed")) for check in gate.get("missing", ()))
    ]
    return {
        "title": f"Problem {name}",
        "frame": frame,
        "problem": found,
        "blocked": blocked,
        "obligations": [each for each in status["obligations"]["first"] if each["subject"] == name],
    }
