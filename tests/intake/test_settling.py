"""Who cares for what was put aside: listed, shown with its bytes, tried again, discarded, by those who may."""

from __future__ import annotations

import base64
from dataclasses import replace

from interlock.letters import DeadLetters, Record
from tests.api.conftest import Here
from tests.fixtures.server import PROJECT

RECORD = Record(
    topic="interlock.intake",
    partition=3,
    offset=120,
    key=None,
    value=b"\xff\x00{",
    headers=(("content-type", b"text/plain"), ("x", b"\xff"), ("x", b"")),
)
PATH = f"/intake/dead-letters/{RECORD.name}"


async def put_aside(here: Here) -> DeadLetters:
    letters = DeadLetters(here.parts.ledger)
    await letters.put(PROJECT, RECORD, "no JSON", source="/ci", request="7")
    return letters


async def test_a_dead_letter_is_listed_and_shown_with_its_own_bytes(here: Here) -> None:
    await put_aside(here)
    [listed] = (await here.admin.get("/intake/dead-letters")).json()["dead_letters"]
    assert (listed["name"], listed["state"], listed["source"], listed["tries"]) == (RECORD.name, "waiting", "/ci", 1)
    shown = (await here.admin.get(PATH)).json()
    assert base64.b64decode(shown["value"]) == RECORD.value
    assert [(each["name"], base64.b64decode(each["value"])) for each in shown["headers"]] == list(RECORD.headers)
    assert "key" not in shown
    assert (await here.admin.get("/intake/dead-letters/interlock.intake:3:121")).status_code == 404
    assert (await here.admin.get("/intake/dead-letters/nothing")).status_code == 404


async def test_lists_go_on_page_by_page(here: Here) -> None:
    letters = DeadLetters(here.parts.ledger)
    for offset in range(5):
        await letters.put(PROJECT, replace(RECORD, offset=offset), "why")
    first = (await here.admin.get("/intake/dead-letters", limit=3)).json()
    rest = (await here.admin.get("/intake/dead-letters", limit=3, cursor=first["next_cursor"])).json()
    names = [letter["name"] for letter in first["dead_letters"] + rest["dead_letters"]]
    assert names == [f"interlock.intake:3:{offset}" for offset in range(5)]
    assert "next_cursor" not in rest


async def test_only_who_answers_for_releases_settles(here: Here) -> None:
    await put_aside(here)
    developer = await here.somebody("anton", "developer")
    for what, body in (("retry", b"{}"), ("discard", b'{"reason": "x"}')):
        refused = await developer.post(f"{PATH}/{what}", body)
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/role-missing")
    assert (await developer.get(PATH)).json()["state"] == "waiting"


async def test_what_is_discarded_stays_readable_and_is_over(here: Here) -> None:
    letters = await put_aside(here)
    assert (await here.admin.post(f"{PATH}/discard", b"{}")).status_code == 422
    done = (await here.admin.post(f"{PATH}/discard", b'{"reason": "a misconfigured robot"}')).json()
    assert (done["state"], done["settled_by"], done["because"]) == ("discarded", "admin-1", "a misconfigured robot")
    assert (await here.admin.get("/intake/dead-letters")).json()["dead_letters"] == []
    assert len((await here.admin.get("/intake/dead-letters", state="all")).json()["dead_letters"]) == 1
    for what in ("retry", "discard"):
        again = await here.admin.post(f"{PATH}/{what}", b'{"reason": "x"}')
        assert again.status_code == 409
    # Read again after a crash, it stays discarded.
    await letters.put(PROJECT, RECORD, "no JSON")
    assert (await letters.get(PROJECT, RECORD.name)).state == "discarded"


async def test_asked_twice_it_is_tried_once(here: Here) -> None:
    letters = await put_aside(here)
    for _ in range(2):
        assert (await here.admin.post(f"{PATH}/retry", b"{}")).json()["state"] == "asked"
    [asked] = await letters.asked()
    await letters.settled(asked, "accepted @7")
    assert await letters.asked() == []
    assert (await letters.get(PROJECT, RECORD.name)).because == "accepted @7"
