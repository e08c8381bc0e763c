"""One request to one endpoint: bounded in time and size, to an address that was looked at, and never redirected."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import Final

import h11

from interlock.endpoints import NotAllowed, Rules, Target, allowed_address

CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 15.0
ANSWER_BYTES_MAX: Final = 64 * 1024
READ_BYTES: Final = 16 * 1024
RETRY_AFTER_SECONDS_MAX: Final = 24 * 3600.0
USER_AGENT: Final = "interlock-webhooks"

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class NotSent(Exception):
    """no answer came: whether it arrived is not known"""


@dataclass(frozen=True, slots=True)
class Said:
    """What the endpoint answered; `retry_after` in seconds, where it asked for time."""

    status: int
    retry_after: float | None = None

    @property
    def took_it(self) -> bool:
        """Whether it has the message."""
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Post:
    """Sends; `resolve` gives a name's addresses, `tls` says whom to trust, `now` is this process's clock."""

    rules: Rules
    resolve: Resolve
    tls: ssl.SSLContext
    now: Callable[[], datetime]
    connect_seconds: float = CONNECT_SECONDS
    answer_seconds: float = ANSWER_SECONDS

    async def __call__(self, target: Target, headers: Mapping[str, str], body: bytes) -> Said:
        """Send once. Raises NotSent, NotAllowed."""
        try:
            async with asyncio.timeout(self.connect_seconds + self.answer_seconds):
                return await self._sent(target, headers, body)
        except TimeoutError as late:
            raise NotSent(f"no answer within {self.connect_seconds + self.answer_seconds:g} s") from late
        except ssl.SSLError as wrong:
            raise NotSent(f"its certificate is not accepted: {wrong.reason or wrong}") from wrong
        except OSError as away:
            raise NotSent(away.strerror or str(away) or type(away).__name__) from away
        except h11.RemoteProtocolError as odd:
            raise NotSent(f"it does not speak HTTP: {odd}") from odd

    async def _sent(self, target: Target, headers: Mapping[str, str], body: bytes) -> Said:
        address = await self._address(target)
        secure = target.scheme == "https"
        async with asyncio.timeout(self.connect_seconds):
            # To the address itself: a name that is asked again could lead elsewhere.
            reader, writer = await asyncio.open_connection(
                address, target.port, ssl=self.tls if secure else None, server_hostname=target.host if secure else None
            )
        try:
            return await self._exchange(reader, writer, _request(target, headers, body), body)
        finally:
            writer.transport.abort()
            with suppress(OSError, ssl.SSLError):
                await writer.wait_closed()

    async def _address(self, target: Target) -> str:
        """Return where to connect; where a name leads to several, each of them must be allowed."""
        found = await self.resolve(target.host, target.port)
        for address in found:
            allowed_address(ip_address(address.partition("%")[0]), target.scheme, self.rules)
        if not found:
            raise NotAllowed(f"{target.host} leads nowhere")
        return found[0]

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: h11.Request, body: bytes
    ) -> Said:
        connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=ANSWER_BYTES_MAX)
        sent = [connection.send(request), connection.send(h11.Data(data=body)), connection.send(h11.EndOfMessage())]
        writer.write(b"".join(each for each in sent if each))
        await writer.drain()
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await reader.read(READ_BYTES))
            elif isinstance(event, h11.Response):
                # What else it says is of no use, and is not waited for.
                named = {name.lower(): value for name, value in event.headers}
                return Said(event.status_code, self._retry_after(named.get(b"retry-after")))
            elif not isinstance(event, h11.InformationalResponse):
                raise NotSent("it ended the connection without an answer")

    def _retry_after(self, value: bytes | None) -> float | None:
        if value is None:
            return None
        text = value.decode("ascii", "replace").strip()
        try:
            if text.isdigit():
                seconds = float(text)
            else:
                at = parsedate_to_datetime(text)
                seconds = (at.replace(tzinfo=at.tzinfo or UTC) - self.now()).total_seconds()
        except (ValueError, OverflowError, TypeError):
            return None
        return min(max(0.0, seconds), RETRY_AFTER_SECONDS_MAX)


def _request(target: Target, headers: Mapping[str, str], body: bytes) -> h11.Request:
    host = target.shown.removeprefix(f"{target.scheme}://").removesuffix("/…")
    all_headers = {
        "host": host,
        "user-agent": USER_AGENT,
        "content-type": "application/json",
        "content-length": str(len(body)),
        "connection": "close",
        **headers,
    }
    return h11.Request(method="POST", target=target.path, headers=list(all_headers.items()))
