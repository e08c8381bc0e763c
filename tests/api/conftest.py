"""The whole server in this process: every part is real, only the network is left out."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest_asyncio

from interlock.ledger.embedded import Dsns
from interlock.serve.database import Database
from interlock.serve.settings import load
from interlock.serve.wiring import Wiring, wired
from tests.fixtures.server import BEGINS, FOUNDERS, PROJECT, config_text, digest, enrolment_of, token_of

UNTIL = "2027-11-01T00:00:00Z"


class Documented:
    """Knows which statuses OpenAPI names, so that every test also checks the documentation."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.operations = [
            (re.compile(re.sub(r"\{[^}]*\}", "[^/]+", path) + "$"), method.upper(), set(operation["responses"]))
            for path, operations in document["paths"].items()
            for method, operation in operations.items()
        ]
        # A path without a placeholder is meant before one with.
        self.operations.sort(key=lambda operation: operation[0].pattern.count("[^/]+"))

    async def check(self, response: httpx2.Response) -> None:
        for path, method, statuses in self.operations:
            if path.match(response.request.url.path) and method == response.request.method:
                assert str(response.status_code) in statuses, f"{method} {path.pattern} {response.status_code}"
                return


_documented: list[Documented] = []


def documented_by(parts: Wiring) -> Documented:
    """Every server of this code has the same documentation, which takes most of a second to write."""
    if not _documented:
        _documented.append(Documented(parts.api.fastapi.openapi()))
    return _documented[0]


@dataclass
class Caller:
    """Somebody with a token, at an instant of the test clock."""

    http: httpx2.AsyncClient
    token: str | None
    now: str | None = BEGINS.isoformat()

    def headers(self, more: dict[str, str] | None = None) -> dict[str, str]:
        made = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        if self.now is not None:
            made["Interlock-Now"] = self.now
        return {**made, **(more or {})}

    async def get(self, path: str, *, headers: dict[str, str] | None = None, **query: Any) -> httpx2.Response:
        return await self.http.get(f"/v1/{PROJECT}{path}", params=query, headers=self.headers(headers))

    async def post(
        self, path: str, body: bytes, *, headers: dict[str, str] | None = None, **query: Any
    ) -> httpx2.Response:
        made = self.headers({"Content-Type": "application/json", **(headers or {})})
        return await self.http.post(f"/v1/{PROJECT}{path}", content=body, params=query, headers=made)

    async def command(
        self, name: str, fields: Any, *, key: str | None = None, headers: dict[str, str] | None = None
    ) -> httpx2.Response:
        import json

        body = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
        return await self.post(
            f"/commands/{name}", body, headers={"Idempotency-Key": key or str(uuid4()), **(headers or {})}
        )

    async def explain(self, name: str, fields: Any, **query: Any) -> httpx2.Response:
        import json

        return await self.post(f"/explain/{name}", json.dumps(fields).encode(), **query)


@dataclass
class Here:
    """The server in this process, and its two founders."""

    parts: Wiring
    http: httpx2.AsyncClient
    admin: Caller
    second: Caller
    nobody: Caller

    async def by_two(self, command: str, fields: Any) -> dict[str, Any]:
        answer = (await self.admin.command(command, fields)).json()
        for event in answer["events"]:
            if event["type"] == "SecondPersonAsked":
                bound = {"ask": event["data"]["ask"], "bound_digest": event["data"]["bound_digest"]}
                confirmed = await self.second.command("ConfirmAsked", bound)
                assert confirmed.status_code == 200, confirmed.text
                made: dict[str, Any] = confirmed.json()
                return made
        return dict(answer)

    async def somebody(self, name: str, *roles: str, kind: str = "person") -> Caller:
        """Register, equip and enrol one more member of the team."""
        await self.by_two("RegisterPrincipal", {"principal": name, "kind": kind})
        for role in roles:
            await self.by_two("GrantRole", {"principal": name, "role": role})
        secret = digest(token_of(name))
        await self.by_two("IssueCredential", {"principal": name, "secret_digest": secret, "expires_at": UNTIL})
        return Caller(self.http, token_of(name))


async def enrol(http: httpx2.AsyncClient, name: str) -> None:
    fields = {"principal": name, "secret_digest": digest(token_of(name)), "expires_at": UNTIL}
    answer = await Caller(http, enrolment_of(name)).command("IssueCredential", fields)
    assert answer.status_code == 200, answer.text


@pytest_asyncio.fixture
async def unbegun(test_clock_dsns: Dsns, tmp_path: Path) -> AsyncIterator[Here]:
    """The server before any instant was named: the project has not begun."""
    config = tmp_path / "interlock.toml"
    config.write_text(config_text(dsns=test_clock_dsns), encoding="utf-8")
    async with wired(load(config), Database(test_clock_dsns.app, "a test's"), test_clock=True) as parts:
        documented = documented_by(parts)
        transport = httpx2.ASGITransport(parts.api)
        async with httpx2.AsyncClient(
            transport=transport, base_url="http://interlock.test", event_hooks={"response": [documented.check]}
        ) as http:
            first, second = (Caller(http, token_of(name)) for name in FOUNDERS)
            yield Here(parts, http, first, second, Caller(http, None))


@pytest_asyncio.fixture
async def here(unbegun: Here) -> Here:
    """The server with both founders enrolled."""
    for name in FOUNDERS:
        await enrol(unbegun.http, name)
    return unbegun
