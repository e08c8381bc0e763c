"""A server whose pages people really sign in to, by token or by a real identity provider, on the story's Thursday."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx2

from interlock.ledger.embedded import Dsns
from tests.fixtures.ports import free_port
from tests.fixtures.postgres import PostgresServer, elsewhere
from tests.fixtures.provider import RunningProvider, settings_text, started_provider
from tests.fixtures.server import PROJECT, Served, config_text, serving, token_of

BOARD = "/p/demo/"
_names = count(1)
HIDDEN = re.compile(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)">')


@dataclass
class SignedServer:
    """A server, its provider and its database."""

    served: Served
    provider: RunningProvider
    dsns: Dsns
    _visitors: list[Visitor] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.served.url

    def sql(self, statement: str, *values: object) -> Any:
        """Do something to the database that time, or somebody else, would do."""

        async def run() -> Any:
            connection = await asyncpg.connect(self.dsns.app, timeout=10)
            try:
                return await connection.fetch(statement, *values)
            finally:
                await connection.close()

        return elsewhere(run())

    def visitor(self, who: str | None = None) -> Visitor:
        """Somebody without a browser's help: headers as a browser sends them, and nothing else."""
        made = Visitor(self.url, f"127.0.{len(self._visitors) // 250 + 1}.{len(self._visitors) % 250 + 1}")
        self._visitors.append(made)
        if who is not None:
            made.sign_in(who)
        return made

    def close(self) -> None:
        for each in self._visitors:
            each.http.close()


@dataclass
class Visitor:
    """A browser in what it sends, from a place of its own; what it does by itself, only the real one shows."""

    url: str
    place: str
    http: httpx2.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = httpx2.Client(
            base_url=self.url,
            headers={"User-Agent": "a test's browser"},
            timeout=30,
            transport=httpx2.HTTPTransport(local_address=self.place),
        )

    def sign_in(self, who: str, **more: str) -> httpx2.Response:
        return self.post("/sign-in", project=PROJECT, token=token_of(who), **more)

    def get(self, path: str, **headers: str) -> httpx2.Response:
        return self.http.get(path, headers={**self._cookies(), **headers})

    def post(self, path: str, *, headers: Any = None, **fields: Any) -> httpx2.Response:
        """Send a form as a page of the server sends it."""
        sent = {"Origin": self.url, "Sec-Fetch-Site": "same-origin", **self._cookies(), **(headers or {})}
        return self._kept(self.http.post(path, data=fields, headers=sent))

    def raw(self, path: str, body: bytes, **headers: str) -> httpx2.Response:
        """Send whatever bytes as a form."""
        sent = {
            "Origin": self.url,
            "Content-Type": "application/x-www-form-urlencoded",
            **self._cookies(),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return self.http.post(path, content=body, headers=sent)

    def form(self, path: str) -> dict[str, str]:
        """The hidden fields of the main form at an address."""
        page = self.get(path)
        assert page.status_code == 200, (page.status_code, page.headers.get("location"))
        return dict(HIDDEN.findall(page.text.partition("<main")[2]))

    def _kept(self, answer: httpx2.Response) -> httpx2.Response:
        # The client keeps no Secure cookie over http; browsers do on this machine, which the tests in Chromium show.
        for each in answer.headers.get_list("set-cookie"):
            pair = each.partition(";")[0]
            name, _, value = pair.partition("=")
            if value:
                self.held[name] = value
            else:
                self.held.pop(name, None)
        return answer

    def _cookies(self) -> dict[str, str]:
        shown = "; ".join(f"{name}={value}" for name, value in self.held.items())
        return {"Cookie": shown} if shown else {}

    held: dict[str, str] = field(default_factory=dict)


def by_provider(server: SignedServer, who: str, *, next_page: str = BOARD, again: bool = False) -> tuple[Visitor, Any]:
    """Somebody signs in at the provider, and comes back."""
    visitor = server.visitor()
    query = f"project=demo&next={next_page}" + ("&again=1" if again else "")
    begun = visitor._kept(visitor.get(f"/sign-in/provider?{query}"))
    assert begun.status_code == 303
    back = server.provider.signed_in(begun.headers["location"], who)
    parts = urlsplit(back)
    return visitor, visitor._kept(visitor.get(f"{parts.path}?{parts.query}"))


@contextmanager
def signed_server(
    postgres_server: PostgresServer, template: str, home: Path, *, more: str = "", **provider: Any
) -> Iterator[SignedServer]:
    """Serve a copy of the story with a provider beside it."""
    # The provider must know the port before the server starts.
    name, port = f"signed_{os.getpid()}_{next(_names)}", free_port()
    elsewhere(postgres_server._copy(name, template))
    dsns = postgres_server.embedded.dsns(name)
    try:
        with started_provider([f"http://127.0.0.1:{port}/sign-in/back"], apart=True) as running:
            said = settings_text(running.issuer, home / "secret", name="Test login", **provider)
            config = home / "interlock.toml"
            config.write_text(config_text(dsns=dsns, more=more) + said + "\n", encoding="utf-8")
            with serving(config, "--test-clock", "--port", str(port)) as served:
                served.at("2026-11-26T14:05:00+00:00")
                assert urlsplit(served.url).port == port
                made = SignedServer(served, running, dsns)
                try:
                    yield made
                finally:
                    made.close()
    finally:
        elsewhere(postgres_server._drop(name))
