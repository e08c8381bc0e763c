"""The board: what runs where, what blocks each release, who can unblock it and when."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from interlock.web.asked import Asked, Document
from interlock.web.frame import frame
from interlock.web.gates import helped

EVENTS_SHOWN: Final = 12
# Answers are of one position each; while somebody writes, they may be of different ones. Then all are asked again.
TRIES: Final = 3


async def board(asked: Asked) -> Document:
    """Return the board as of one position; if writers are too quick for that, of the earliest of its answers."""
    status, gates, events, me = await _answers(asked)
    obligations = status["obligations"]["first"]
    releases = {each["release"]: each for each in status["releases"]}
    return {
        "title": "Board",
        "frame": frame(asked, status, me)
        | {"position": min(status["position"], gates["position"], events["position"])},
        "environments": [
            {**each, "problems": _problems_of(each["environment"], status["problems"])}
            for each in status["environments"]
        ],
        "releases": [
            {
                **releases.get(gate["release"], {}),
                **gate,
                "missing": helped(gate["release"], gate.get("missing", ()), status),
            }
            for gate in gates["gates"]
        ],
        "releases_count": gates["count"],
        "problems": status["problems"],
        "obligations": [each | {"mine": _concerns(each, me["principal"])} for each in obligations],
        "obligations_count": status["obligations"]["count"],
        "events": events["events"],
    }


async def _answers(asked: Asked) -> tuple[Document, Document, Document, Document]:
    for tried in range(1, TRIES + 1):
        status, gates, events, me = await asyncio.gather(
            asked.get("/status"), asked.get("/gates"), asked.get("/events", limit=EVENTS_SHOWN), asked.now("/whoami")
        )
        if tried == TRIES or status["position"] == gates["position"] == events["position"]:
            return status, gates, events, me
    raise AssertionError(TRIES)


def _problems_of(environment: str, problems: Sequence[Document]) -> list[Document]:
    return [
        {name: each[name] for name in ("problem", "title", "severity", "state")}
        for each in problems
        if each["environment"] == environment
    ]


def _concerns(obligation: Document, person: str) -> bool:
    people = [*obligation["who"], *(obligation.get("escalates_to", ()) if obligation["overdue"] else ())]
    return person in people
