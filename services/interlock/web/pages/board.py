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

# Which activity answers which check.
ACTIVITIES: Final = {
    "tests-passed": "test-run",
    "new-tests-ran": "test-run",
    "production-data-restored": "restore",
    "migrations-passed": "migration",
}

_NAMED_PROBLEM: Final = re.compile(r"\((P-\d+)\)")


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
            {**releases.get(gate["release"], {}), **gate, "missing": _missing(gate, status)} for gate in gates["gates"]
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


def _missing(gate: Document, status: Document) -> list[Document]:
    """Return the checks that stand in the way, each with who can mend it: by the check itself, or by an obligation.

    What a machine does about it at this moment is said instead of who should.
    """
    return [{**check, **_helped(gate["release"], check, status)} for check in gate.get("missing", ())]


def _helped(release: str, check: Document, status: Document) -> dict[str, Any]:
    kind = ACTIVITIES.get(check["check"])
    for each in status["environments"]:
        lease = each.get("lease")
        if lease and (lease["kind"], lease.get("release")) == (kind, release):
            return {"under_way": {name: lease[name] for name in ("kind", "subject", "holder", "expires_at", "since")}}
    named = set(_NAMED_PROBLEM.findall(str(check.get("observed") or "")))
    for each in status["obligations"]["first"]:
        if each["subject"] in named or (each["subject"], each["command"]) == (release, check.get("next")):
            who = {} if check.get("who") else {"who": each["who"], "to": each["what"], "next": each["command"]}
            return who | ({"needed_by": each["by"]} if "by" in each else {})
    return {}


def _concerns(obligation: Document, person: str) -> bool:
    people = [*obligation["who"], *(obligation.get("escalates_to", ()) if obligation["overdue"] else ())]
    return person in people
