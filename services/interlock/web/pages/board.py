"""The board: what runs where, what blocks each release, who can unblock it and when."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any, Final

from interlock.web.asked import Asked, Document
from interlock.web.frame import frame

EVENTS_SHOWN: Final = 12
# Answers are of one position each; while somebody writes, they may be of different ones. Then all are asked again.
TRIES: Final = 3

_NAMED_PROBLEM: Final = re.compile(r"\((P-\d+)\)")


async def board(asked: Asked) -> Document:
    """Return the board as of one position; if writers are too quick for that, of the earliest of its answers."""
    for _ in range(TRIES):
        status, gates, events, me = await asyncio.gather(
            asked.get("/status"), asked.get("/gates"), asked.get("/events", limit=EVENTS_SHOWN), asked.now("/whoami")
        )
        if status["position"] == gates["position"] == events["position"]:
            break
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
            {**releases.get(gate["release"], {}), **gate, "missing": _missing(gate, obligations)}
            for gate in gates["gates"]
        ],
        "releases_count": gates["count"],
        "problems": status["problems"],
        "obligations": [each | {"mine": _concerns(each, me["principal"])} for each in obligations],
        "obligations_count": status["obligations"]["count"],
        "events": events["events"],
    }


def _problems_of(environment: str, problems: Sequence[Document]) -> list[Document]:
    return [
        {name: each[name] for name in ("problem", "title", "severity", "state")}
        for each in problems
        if each["environment"] == environment
    ]


def _missing(gate: Document, obligations: Sequence[Document]) -> list[Document]:
    """Return the checks that stand in the way, each with who can mend it, also where that is said by an obligation."""
    return [{**check, **_helped(check, obligations)} for check in gate.get("missing", ())]


def _helped(check: Document, obligations: Sequence[Document]) -> dict[str, Any]:
    if check.get("who"):
        return {}
    named = set(_NAMED_PROBLEM.findall(str(check.get("observed") or "")))
    for each in obligations:
        if each["subject"] in named:
            more = {name: each[name] for name in ("by", "overdue") if name in each}
            return {"who": each["who"], "to": each["what"], "next": each["command"]} | (
                {"needed_by": more["by"]} if "by" in more else {}
            )
    return {}


def _concerns(obligation: Document, person: str) -> bool:
    people = [*obligation["who"], *(obligation.get("escalates_to", ()) if obligation["overdue"] else ())]
    return person in people
