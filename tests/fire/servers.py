"""Server processes over one database, each behind a proxy of its own: killed, and followed by another at its place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from interlock.ledger.embedded import Dsns
from tests.fire.proxy import HOST, Proxy, proxy_to
from tests.fixtures.server import FOUNDERS, PROJECT, Served, config_text, digest, enrol, enrolment_of, serving, token_of
from tests.serve.test_starting import UNTIL, written

__all__ = ["PROJECT", "Servers", "begin", "servers", "token_of"]

API = ("--part", "api")


def begin(api: Served) -> None:
    """Let the founders in, and somebody who opens releases."""
    api.now = None
    for founder in FOUNDERS:
        enrol(api, founder, enrolment_of(founder), UNTIL)
    api.by_two("RegisterPrincipal", {"principal": "anton", "kind": "person"})
    api.by_two("GrantRole", {"principal": "anton", "role": "developer"})
    secret = digest(token_of("anton"))
    api.by_two("IssueCredential", {"principal": "anton", "secret_digest": secret, "expires_at": UNTIL})


@dataclass
class Servers:
    """The servers that run now, and the proxies by which they are reached, in the same order."""

    dsns: Dsns
    home: Path
    stack: AsyncExitStack
    options: Sequence[str] = API
    running: list[Served] = field(default_factory=list)
    proxies: list[Proxy] = field(default_factory=list)
    _names: count[int] = field(default_factory=count)

    async def start(self) -> Served:
        home = self.home / f"server-{next(self._names)}"
        home.mkdir()
        context = serving(written(home, config_text(dsns=self.dsns)), *self.options)
        served = await asyncio.to_thread(context.__enter__)
        self.stack.push_async_callback(asyncio.to_thread, context.__exit__, None, None, None)
        return served

    async def add(self) -> None:
        served = await self.start()
        if not self.running:
            await asyncio.to_thread(begin, served)
        self.running.append(served)
        self.proxies.append(await self.stack.enter_async_context(proxy_to(_address(served))))

    async def kill(self, number: int) -> None:
        """Kill -9 a server; another one takes its place, behind the same proxy."""
        self.running[number].process.kill()
        self.running[number].process.wait()
        self.running[number] = served = await self.start()
        self.proxies[number].target = _address(served)

    @property
    def urls(self) -> str:
        return " ".join(proxy.url for proxy in self.proxies)


def _address(served: Served) -> tuple[str, int]:
    return HOST, int(served.url.rpartition(":")[2])


@asynccontextmanager
async def servers(dsns: Dsns, home: Path, processes: int, options: Sequence[str] = API) -> AsyncIterator[Servers]:
    """So many servers; the team was let in by the first."""
    async with AsyncExitStack() as stack:
        made = Servers(dsns, home, stack, options)
        for _ in range(processes):
            await made.add()
        yield made
