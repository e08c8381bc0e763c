"""What belongs to the server: is it there, is it ready, and a documentation that is whole and needs no other host."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx2
import pytest

from interlock.api.stream import frames
from interlock.domain.commands import PUBLISHED
from interlock.domain.problem_types import PROBLEM_TYPES
from interlock.events.envelope import Recorded
from tests.api.conftest import Here
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.server import BEGINS


async def test_health_and_readiness_are_open_to_everybody(here: Here) -> None:
    assert (await here.http.get("/health")).json()["status"] == "alive"
    ready = await here.http.get("/ready")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")


async def test_a_server_whose_ledger_is_away_is_alive_but_not_ready_and_heals_by_itself(
    here: Here, postgres_server: PostgresServer
) -> None:
    admin = await asyncpg.connect(postgres_server.embedded.dsn(), timeout=10)
    name = _database(here)
    await admin.execute(f"alter database {name} allow_connections false")
    await admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name)
    for path, status in (("/health", 200), ("/ready", 503), ("/v1", 503)):
        assert (await here.http.get(path)).status_code == status, path
    remark = {"target": 1, "kind": "remark", "text": "x"}
    answer = await here.admin.command("Annotate", remark)
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/unavailable")
    await admin.execute(f"alter database {name} allow_connections true")
    await admin.close()
    async with asyncio.timeout(60):
        while (await here.http.get("/ready")).status_code != 200:
            pass  # Each look is a round trip to the database by itself.
    assert (await here.admin.command("Annotate", remark)).status_code == 200


def _database(here: Here) -> str:
    return urlsplit(here.parts.ledger._dsn).path.removeprefix("/")


async def test_a_stopping_server_takes_no_new_callers(here: Here) -> None:
    here.parts.stopping.set()
    ready = await here.http.get("/ready")
    assert (ready.status_code, ready.json()["type"]) == (503, "/problems/not-ready")


async def test_the_server_says_what_it_is(here: Here) -> None:
    answer = (await here.http.get("/v1")).json()
    assert (answer["server"], answer["test_clock"], answer["projects"]) == ("interlock", True, ["demo"])


async def test_before_the_first_instant_there_is_no_project(unbegun: Here) -> None:
    assert (await unbegun.http.get("/v1")).json()["projects"] == []
    unbegun.admin.now = None
    assert (await unbegun.admin.get("/whoami")).status_code == 404


async def test_every_problem_type_is_explained_where_its_name_leads(here: Here) -> None:
    for kind in PROBLEM_TYPES.values():
        answer = (await here.http.get(kind.uri)).json()
        assert (answer["status"], answer["exit_code"], answer["title"]) == (kind.status, kind.exit_code, kind.title)
    assert (await here.http.get("/problems/none")).status_code == 404


async def test_the_page_of_the_documentation_needs_no_other_host(here: Here) -> None:
    answer = await here.http.get("/docs")
    page = answer.text
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert re.findall(r"https?://", page) == []
    for asset in re.findall(r'(?:src|href)="([^"]+)"', page):
        got = await here.http.get(asset)
        assert got.status_code == 200, asset
    assert (await here.http.get("/docs/other.js")).status_code == 404


async def test_each_command_is_documented_with_its_schema_and_every_status(here: Here) -> None:
    document = (await here.http.get("/openapi.json")).json()
    schemas = document["components"]["schemas"]
    for name in PUBLISHED:
        for kind, statuses in (
            ("commands", {"200", "400", "401", "403", "404", "408", "409", "412", "413", "415", "422", "500", "503"}),
            ("explain", {"200", "400", "401", "403", "404", "408", "413", "415", "422", "500", "503"}),
        ):
            operation = document["paths"][f"/v1/{{project}}/{kind}/{name}"]["post"]
            assert statuses <= set(operation["responses"]), (kind, name)
            body = operation["requestBody"]["content"]["application/json"]["schema"]
            assert body == {"$ref": f"#/components/schemas/{name}"}
            assert schemas[name]["additionalProperties"] is False
    assert len(re.findall(r'"\$ref": ?"', str(document))) == 0
    for reference in _references(document):
        assert reference.removeprefix("#/components/schemas/") in schemas, reference


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [each for inner in value.values() for each in _references(inner)]
    if isinstance(value, list):
        return [each for inner in value for each in _references(inner)]
    return []


async def test_each_operation_says_who_may_and_has_a_name_of_its_own(here: Here) -> None:
    document = (await here.http.get("/openapi.json")).json()
    names = []
    for path, operations in document["paths"].items():
        for operation in operations.values():
            names.append(operation["operationId"])
            assert ("security" in operation) == path.startswith("/v1/{project}"), path
            assert operation["summary"]
            assert not operation.get("deprecated")
    assert len(set(names)) == len(names)


async def test_another_method_is_405_and_says_which_is_possible(here: Here) -> None:
    answer = await here.http.delete("/v1/demo/releases/1.0", headers=here.admin.headers())
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert answer.json()["type"] == "/problems/method-not-allowed"


async def test_an_error_nobody_foresaw_says_nothing_of_itself(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("postgresql://user:secret-word@host")

    # Within a route, and before any: the same answer.
    for part, name in ((here.parts.ledger, "position_at"), (here.parts.desk, "situation")):
        monkeypatch.setattr(part, name, broken)
        answer = await here.admin.get("/status", at=BEGINS.isoformat())
        assert (answer.status_code, answer.json()["type"]) == (500, "/problems/unexpected")
        assert answer.headers["content-type"] == "application/problem+json"
        assert "secret-word" not in answer.text


class Caught:
    """Pages that were handed over, and then none for ever."""

    def __init__(self, *pages: list[Recorded[Any]]) -> None:
        self.left = list(pages)
        self.closed = False

    def __aiter__(self) -> AsyncIterator[list[Recorded[Any]]]:
        return self

    async def __anext__(self) -> list[Recorded[Any]]:
        if self.left:
            return self.left.pop(0)
        await asyncio.Event().wait()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.closed = True


async def test_a_stream_without_news_gives_a_sign_of_life_and_ends_when_the_server_does() -> None:
    stopping, pages = asyncio.Event(), Caught()
    seen = []
    async for frame in frames(pages, stopping, heartbeat=0.01, may_read=_yes):
        seen.append(frame)
        if len(seen) == 4:
            stopping.set()
    assert seen == [b"retry: 1000\n\n", b": alive\n\n", b": alive\n\n", b": alive\n\n"]
    assert pages.closed


async def test_a_stream_that_its_reader_leaves_lets_go_of_its_pages() -> None:
    pages = Caught()
    stream = frames(pages, asyncio.Event(), may_read=_yes)
    await anext(stream)
    await stream.aclose()
    assert pages.closed


async def test_a_stream_ends_when_its_reader_may_read_no_more(here: Here) -> None:
    anton = await here.somebody("anton", "developer")
    credential = (await anton.get("/whoami")).json()["credential"]
    following = asyncio.create_task(anton.get("/events/stream", headers={"Last-Event-ID": "1"}))
    revoked = (await anton.command("RevokeCredential", {"credential": credential, "reason": "lost"})).json()
    answer = await asyncio.wait_for(following, 60)
    assert answer.status_code in {200, 401}
    assert f"id: {revoked['position']}\n" not in answer.text


async def _yes() -> bool:
    return True


async def test_an_answer_tells_the_time_also_where_it_refuses(here: Here) -> None:
    answers: list[httpx2.Response] = [
        await here.admin.get("/status"),
        await here.admin.get("/releases/none"),
        await here.nobody.get("/status"),
    ]
    assert {answer.headers["interlock-now"] for answer in answers} == {"2026-11-16T08:00:00Z"}
