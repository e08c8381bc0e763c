"""The environments, in the order of the flow: what is in each, since when and by whom."""

from __future__ import annotations

from interlock.web.asked import Asked, Document
from interlock.web.frame import framed


async def environments(asked: Asked) -> Document:
    """Return all of them, with their open problems."""
    frame, status = await framed(asked)
    return {
        "title": "Environments",
        "frame": frame,
        "environments": [
            {
                **each,
                "problems": [p for p in status["problems"] if p["environment"] == each["environment"]],
            }
            for each in status["environments"]
        ],
    }
