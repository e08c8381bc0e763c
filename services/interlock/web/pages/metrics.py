"""How delivery goes: DORA's five, each with its plot, the table that says the same, and the events behind it."""

from __future__ import annotations

import asyncio

from interlock.web import plots
from interlock.web.asked import Asked, Document, moment
from interlock.web.frame import frame_of


async def metrics(asked: Asked) -> Document:
    """Return the figures of a period, by default of the 90 days up to the moment. Raises NotAnswered."""
    period = {name: moment(asked.query.get(name)) for name in ("since", "until")}
    frame, found = await asyncio.gather(frame_of(asked), asked.get("/metrics", **period))
    return {
        "title": "Metrics",
        "frame": frame,
        "metrics": found,
        "plots": {
            "lead_time": plots.spent(found["lead_time"]["deployments"]),
            "deployment_frequency": plots.weeks(found["deployment_frequency"]["weeks"]),
            "failed_deployment_recovery_time": plots.lengths(found["failed_deployment_recovery_time"]["failures"]),
        },
    }
