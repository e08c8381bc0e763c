"""Commands are answered without the framework's routes, which document them: both ways say the same."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2
import pytest_asyncio

from interlock.api import build, commands
from interlock.api.edge import Edge
from tests.api.conftest import Here
from tests.fixtures.server import BEGINS, token_of

KEY = {"Idempotency-Key": "018f6b1e-0000-7000-8000-000000000001"}
FORM = {"Content-Type": "application/json"}
TOKEN = {"Authorization": f"Bearer {token_of('admin-1')}"}
KNOWN = {**TOKEN, **KEY, **FORM}
REMARK = b'{"target": 1, "kind": "remark", "text": "x"}'

# Method, address, headers, body: in each something is odd, and some are odd in two ways.
ASKED: tuple[tuple[str, str, dict[str, str], bytes], ...] = (
    ("GET", "/v1/demo/commands/Annotate", KNOWN, b""),
    ("HEAD", "/v1/demo/explain/Annotate", KNOWN, b""),
    ("OPTIONS", "/v1/demo/commands/Annotate", {}, b""),
    ("DELETE", "/v1/no project/commands/Annotate?x=1", {}, b""),
    ("POST", "/v1/demo/commands/NoSuchCommand", KNOWN, REMARK),
    ("POST", "/v1/demo/commands/Annotate/", KNOWN, REMARK),
    ("POST", "/v1/demo/commands/", KNOWN, REMARK),
    ("POST", "/v1/demo/commands/annotate", KNOWN, REMARK),
    ("POST", "/v1/de%2Fmo/commands/Annotate", KNOWN, REMARK),
    ("POST", "/v1/no%20project/commands/Annotate", KNOWN, REMARK),
    ("POST", f"/v1/{'x' * 65}/explain/Annotate?at=soon&colour=red", KNOWN, REMARK),
    ("POST", "/v1/another/commands/Annotate", KNOWN, REMARK),
    ("POST", "/v1/demo/commands/Annotate", {**KEY, **FORM}, REMARK),
    ("POST", "/v1/demo/commands/Annotate?colour=red", {**KEY, **FORM}, REMARK),
    ("POST", "/v1/demo/commands/Annotate?colour=red", KNOWN, REMARK),
    ("POST", "/v1/demo/commands/Annotate?colour", KNOWN, REMARK),
    ("POST", "/v1/demo/commands/Annotate?at=1&at=2", KNOWN, REMARK),
    ("POST", "/v1/demo/commands/Annotate", {**TOKEN, **FORM}, REMARK),
    ("POST", "/v1/demo/commands/Annotate", {**TOKEN, **FORM, "Idempotency-Key": "one"}, REMARK),
    ("POST", "/v1/demo/commands/Annotate", {**KNOWN, "If-Match": "W/x"}, REMARK),
    ("POST", "/v1/demo/commands/Annotate", {**TOKEN, **KEY}, REMARK),
    ("POST", "/v1/demo/commands/Annotate", KNOWN, b"{"),
    ("POST", "/v1/demo/commands/Annotate", KNOWN, b'{"target": "1", "kind": "x", "more": 1}'),
    ("POST", "/v1/demo/commands/Annotate", KNOWN, b"x" * 300_000),
    ("POST", "/v1/demo/commands/Annotate", {**KNOWN, "Content-Encoding": "gzip"}, REMARK),
    ("POST", "/v1/demo/commands/HoldRelease", KNOWN, b'{"release": "4.12.0", "reason": "x"}'),
    ("POST", "/v1/demo/explain/Annotate", FORM, REMARK),
    ("POST", "/v1/demo/explain/Annotate", {**TOKEN, **FORM}, REMARK),
    ("POST", "/v1/demo/explain/Annotate?at=", {**TOKEN, **FORM}, REMARK),
    ("POST", "/v1/demo/explain/Annotate?at=soon&if_at=2020", {**TOKEN, **FORM}, REMARK),
    ("POST", "/v1/demo/explain/Annotate?at=3&after=x", FORM, REMARK),
    ("POST", "/v1/demo/explain/Annotate?at=3", {**TOKEN, **FORM}, REMARK),
    ("POST", "/v1/demo/explain/Annotate?at=3&if_at=2026-11-16T09:00:00Z", {**TOKEN, **FORM}, REMARK),
    ("POST", "/v1/demo/explain/Annotate?if_at=2026-11-16T09:00:00Z", {**TOKEN, **FORM}, REMARK),
    ("POST", "/v1/demo/explain/Annotate?%61t=1", {**TOKEN, **FORM}, REMARK),
)


@pytest_asyncio.fixture
async def framework(here: Here) -> AsyncIterator[httpx2.AsyncClient]:
    """The same server, which serves every documented address by the framework's own routes."""
    fastapi = build(here.parts.parts).fastapi
    fastapi.router.routes.extend(commands.documented().routes)
    transport = httpx2.ASGITransport(Edge(fastapi, here.parts.parts))
    async with httpx2.AsyncClient(transport=transport, base_url="http://interlock.test") as http:
        yield http


async def test_the_table_of_commands_answers_as_the_frameworks_routes_would(
    here: Here, framework: httpx2.AsyncClient
) -> None:
    for method, address, headers, body in ASKED:
        said = []
        for http in (here.http, framework):
            answer = await http.request(
                method, address, content=body, headers={**headers, "Interlock-Now": BEGINS.isoformat()}
            )
            said.append((answer.status_code, sorted(answer.headers.items()), answer.content))
        assert said[0] == said[1], (method, address, headers)


async def test_every_command_that_is_documented_is_in_the_table(here: Here) -> None:
    posts = {path for path, operations in here.parts.api.fastapi.openapi()["paths"].items() if "post" in operations}
    table = {direct.path for direct in commands.table().values()}
    assert table <= posts
    assert {path for path in posts if "/commands/" in path or "/explain/" in path} == table
