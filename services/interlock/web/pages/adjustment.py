"""One adjustment of data: its chain, who did what, its texts, before and after; and the report that stands alone."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any, Final

from interlock.answers.adjustment_report import own_steps, report_of
from interlock.answers.visible import visible_lines
from interlock.web.asked import Asked, Document, named
from interlock.web.asking import NotAnswered
from interlock.web.frame import framed

# What the plan names by digest, as `dt adjust` calls it.
TEXTS: Final = (
    ("precondition", ("precondition_digest",), "queries that must be true before"),
    ("script", ("script_digest",), "what runs"),
    ("effect", ("expected_effect", "queries_digest"), "queries that must be true after"),
    ("undo", ("undo_digest",), "what takes it back"),
)
TEXT_BYTES_SHOWN_MAX: Final = 100_000
# The chain's own steps; leases, remarks and refusals stand in the whole list below it.
LINKS: Final = (
    ("requested", "amended"),
    ("rehearsed", "rehearsal failed"),
    ("verified", "rejected"),
    ("authorized",),
    ("backed up",),
    ("started",),
    ("executed", "failed"),
    ("result verified", "result disputed", "reverted"),
)
EXPECTED: Final = ("requested", "rehearsed", "verified", "authorized", "backed up", "started", "executed", "checked")


async def adjustment(asked: Asked) -> Document:
    """Return all about the adjustment. Raises NotAnswered."""
    name = asked.path["name"]
    (frame, status), found = await asyncio.gather(framed(asked), asked.get(f"/adjustments/{named(name)}"))
    gate, texts = await asyncio.gather(_gate(asked, found), _texts(asked, found["plan"]))
    shown = {each["name"]: each["text"] for each in texts if each["text"] is not None}
    report = report_of(found, shown, "", asked.project)
    return {
        "title": f"Adjustment {name}",
        "frame": frame,
        "adjustment": found,
        "gate": gate,
        "links": links(found),
        "texts": texts,
        "compared": compared(found),
        "obligations": [each for each in status["obligations"]["first"] if each["subject"] == name],
        **{part: report[part] for part in ("persons", "findings", "proves", "does_not_prove")},
    }


async def report(asked: Asked) -> Document:
    """Return the same for the report that is printed. Raises NotAnswered."""
    document = await adjustment(asked)
    return {**document, "title": f"Report on {document['adjustment']['adjustment']}", "section": "adjustments"}


async def _gate(asked: Asked, found: Document) -> Document | None:
    """Return what stands between it and its execution; None where it is over."""
    if found["state"] != "open":
        return None
    return await asked.get(f"/adjustments/{named(found['adjustment'])}/gate")


async def _texts(asked: Asked, plan: Document) -> list[dict[str, Any]]:
    return list(await asyncio.gather(*(_text(asked, plan, *each) for each in TEXTS)))


async def _text(asked: Asked, plan: Document, name: str, place: tuple[str, ...], what: str) -> dict[str, Any]:
    """Return one of the plan's texts, whose bytes were compared with the digest; `text` is None where it is too long.

    `same` tells whether they have that digest. What a browser would not show, or obey, is shown as its number.
    """
    digest: Any = plan
    for part in place:
        digest = digest[part]
    try:
        content = await asked.asker.content(f"/v1/{asked.project}/evidence/{digest}")
    except NotAnswered as away:
        if away.status != 404:
            raise
        return {"name": name, "what": what, "digest": digest, "bytes": None, "same": False, "text": None}
    same = "sha256:" + hashlib.sha256(content).hexdigest() == digest
    text = None
    if len(content) <= TEXT_BYTES_SHOWN_MAX:
        text = visible_lines(content.decode("utf-8", "backslashreplace"))
    return {"name": name, "what": what, "digest": digest, "bytes": len(content), "same": same, "text": text}


def links(found: Document) -> list[dict[str, Any]]:
    """Return the chain's links in order, each with its steps that hold; what has not come yet has none."""
    own = [step for step in own_steps(found) if not step["void"]]
    return [
        {
            "link": label,
            "steps": [
                {key: step[key] for key in ("position", "step", "at", "by", "digest", "sentence")}
                for step in own
                if step["step"] in words
            ],
        }
        for label, words in zip(EXPECTED, LINKS, strict=True)
    ]


def compared(found: Document) -> list[dict[str, Any]]:
    """Return rows and digests as they were found: when rehearsed, announced before the commit, and after it."""
    rows = []
    for what, key in (("rehearsed", "rehearsal"), ("announced", "attempt"), ("executed", "execution")):
        said = found[key]
        if said is not None and said.get("rows") is not None:
            rows.append(
                {
                    "what": what,
                    **{part: said.get(part) for part in ("rows", "before", "after", "duration_ms", "statements")},
                    **{part: said[part] for part in ("since", "position", "by")},
                }
            )
    return rows
