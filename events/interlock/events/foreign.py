"""Events of other applications in the same ledger: in projects of their own, in an envelope of ours around their bytes.

Such a project's name begins with PREFIX, which no project of Interlock's can: whoever decides, projects or watches
leaves it alone (`own`), and whoever only carries events, or proves that nobody changed them, treats it as any other.
What is stored here is stored for ever.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal

from interlock.events.codec import BrokenEvent, Codec
from interlock.events.fact import fact
from interlock.events.upcasting import Upcasters

PREFIX: Final = "es:"


def is_foreign(project: str) -> bool:
    """Tell whether the project's events are another application's, which Interlock decides nothing about."""
    return project.startswith(PREFIX)


def own(projects: Iterable[str]) -> list[str]:
    """Return those of the projects that are Interlock's own, in their order."""
    return [project for project in projects if not is_foreign(project)]


@fact
class EventStored:
    """One stored event of the `eventsourcing` library; its topic is the envelope's type, its originator the stream.

    `originator_version` is the library's version: applications may begin with another one than 1, as streams here do
    not. Exactly one of the states is there: the bytes themselves where they are a text, in Base64 where they are not.
    """

    id_type: Literal["uuid", "text"]
    originator_version: int
    state: str | None = None
    state_base64: str | None = None


def state_fields(state: bytes) -> dict[str, str]:
    """Return the state as one of the two fields of `EventStored`."""
    # A NUL is no text to PostgreSQL's JSON; anything else that is UTF-8 comes back byte for byte.
    if b"\x00" not in state:
        try:
            return {"state": state.decode("utf-8")}
        except UnicodeDecodeError:
            pass
    return {"state_base64": base64.b64encode(state).decode("ascii")}


def state_of(data: Mapping[str, Any]) -> bytes:
    """Return the bytes that `state_fields` made these fields of. Raises BrokenEvent."""
    text, encoded = data.get("state"), data.get("state_base64")
    if (text is None) == (encoded is None):
        raise BrokenEvent("data: either state or state_base64 is expected")
    if text is not None:
        return str(text).encode("utf-8")
    try:
        return base64.b64decode(str(encoded), validate=True)
    except binascii.Error as error:
        raise BrokenEvent(f"data.state_base64: {error}") from None


class _EveryTopic(Mapping[str, tuple[type[Any], int]]):
    """A catalogue in which every name is a topic: whose event it is stands in the envelope, what it means nowhere."""

    def __getitem__(self, topic: str) -> tuple[type[Any], int]:
        return EventStored, 1

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


FOREIGN_CODEC: Final = Codec(_EveryTopic(), Upcasters())
"""Writes and reads them; `LedgerFeed(…, read_event=FOREIGN_CODEC.decode)` and `from_kafka(…, codec=…)` take it."""
