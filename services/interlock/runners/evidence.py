"""Putting a report into the evidence: asked again for a while, as every word about what happened already.

What a configured command wrote is kept without the passwords that it was given: evidence is kept for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final
from urllib.parse import unquote, urlsplit

from interlock.runners.asking import Asker, Away
from interlock.runners.child import TAIL_BYTES_MAX
from interlock.runners.connections import Connection
from interlock.runners.failures import Refused

# `interlock.client.Client.put_evidence`: the bytes and their media type; it returns their digest.
PutEvidence = Callable[[bytes, str], str]
JSON: Final = "application/json"
TEXT: Final = "text/plain"
# What stands in the place of a secret.
HIDDEN: Final = b"***"
# A shorter one would take half the words with it, and is none.
SECRET_CHARACTERS_MIN: Final = 4


async def keep(
    asker: Asker, put: PutEvidence, content: bytes, media_type: str = JSON, *, until: float | None = None
) -> str:
    """Put it, and return its digest; `until` is when the lease is over. Raises Refused, Away."""
    return await asker.patiently(lambda: asker.call(put, content, media_type), until)


async def kept_now(asker: Asker, put: PutEvidence, content: bytes, media_type: str = JSON) -> str | None:
    """Put it, and return its digest; None where that does not work at once.

    For what goes along with a report: what happened is told within the lease, with it or without.
    """
    try:
        return await asker.call(put, content, media_type)
    except (Away, Refused):
        return None


def secrets_in(environ: Mapping[str, str], *connections: Connection | None) -> tuple[str, ...]:
    """Return the passwords that a child could print: those of the addresses in its environment, and of connections."""
    addresses = [*environ.values(), *(each.dsn for each in connections if each is not None)]
    found = [environ.get("PGPASSWORD", "")]
    for address in addresses:
        try:
            password = urlsplit(address).password or ""
        except ValueError:
            continue
        found += [password, unquote(password)]
    return tuple(dict.fromkeys(each for each in found if len(each) >= SECRET_CHARACTERS_MIN))


def scrubbed(written: bytes, secrets: Iterable[str]) -> bytes:
    """Return the last of what a command wrote without these; a line of which only the end was kept is left out."""
    if len(written) >= TAIL_BYTES_MAX:
        _, _, written = written.partition(b"\n")
    for secret in sorted(secrets, key=len, reverse=True):
        written = written.replace(secret.encode("utf-8", "surrogateescape"), HIDDEN)
    return written
