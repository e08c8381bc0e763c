"""A text of a plan is compared with its digest here: bytes that somebody else changed are shown as such."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from interlock.web.asked import Asked
from interlock.web.asking import Asker, NotAnswered
from interlock.web.pages.adjustment import TEXT_BYTES_SHOWN_MAX, TEXTS, _texts, links

SCRIPT = b"update trades.fills set venue = 'XLON';\n"


def digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def plan(script: bytes) -> dict[str, Any]:
    other = digest(b"")
    return {
        "script_digest": digest(script),
        "undo_digest": other,
        "precondition_digest": other,
        "expected_effect": {"queries_digest": other},
    }


def answering(status: int, body: bytes) -> Asked:
    """Asks an API that answers everything alike."""

    async def api(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})

    return Asked(Asker(api, None), "demo", {}, {})


async def script(asked: Asked, expected: bytes) -> dict[str, Any]:
    [found] = [each for each in await _texts(asked, plan(expected)) if each["name"] == "script"]
    return found


async def test_bytes_that_have_the_digest_are_said_to_have_it_and_others_not() -> None:
    right, wrong = answering(200, SCRIPT), answering(200, SCRIPT + b"drop table trades.fills;\n")
    assert await script(right, SCRIPT) | {"what": ""} == {
        "name": "script", "what": "", "digest": digest(SCRIPT), "bytes": len(SCRIPT), "same": True,
        "text": SCRIPT.decode(),
    }  # fmt: skip
    assert not (await script(wrong, SCRIPT))["same"]


async def test_what_is_not_there_what_is_no_text_and_what_is_too_long_are_told_apart() -> None:
    gone = answering(404, json.dumps({"title": "There is no such thing", "status": 404}).encode())
    assert (await script(gone, SCRIPT))["bytes"] is None
    binary = b"\xff\xfe\x00"
    assert (await script(answering(200, binary), binary))["text"] == r"\xff\xfe\u0000"
    hidden = "select 1; -- \u202e;1 tceles\r\ndrop it\u200b\n".encode()
    assert (await script(answering(200, hidden), hidden))["text"] == (
        "select 1; -- \\u202e;1 tceles\\u000d\ndrop it\\u200b\n"
    )
    long = b"x" * (TEXT_BYTES_SHOWN_MAX + 1)
    found = await script(answering(200, long), long)
    assert (found["same"], found["text"]) == (True, None)
    with pytest.raises(NotAnswered):
        await script(answering(503, json.dumps({"title": "away", "status": 503}).encode()), SCRIPT)


def test_a_link_of_the_chain_has_only_what_holds() -> None:
    def step(position: int, word: str, void: bool = False) -> dict[str, Any]:
        return {
            "position": position, "step": word, "void": {"position": 9} if void else None, "stream": "adjustment/ADJ-1",
            "at": None, "by": "anton", "digest": None, "sentence": "",
        }  # fmt: skip

    chain = [step(1, "requested"), step(2, "rehearsed", void=True), step(3, "verified", void=True), step(4, "amended")]
    found = {each["link"]: [one["position"] for one in each["steps"]] for each in links(
        {"adjustment": "ADJ-1", "chain": chain}
    )}  # fmt: skip
    assert (found["requested"], found["rehearsed"], found["verified"]) == ([1, 4], [], [])
    assert len(TEXTS) == 4
