"""One record of a topic, with everything that its sender put there."""

from __future__ import annotations

import re
from typing import Any, Final

from interlock.events.fact import fact

_NAME: Final = re.compile(r"(?P<topic>[A-Za-z0-9._-]{1,249}):(?P<partition>\d{1,9}):(?P<offset>\d{1,18})")


@fact
class Record:
    """Where it stood, its key, its value, and its headers in their order."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    @property
    def name(self) -> str:
        """Its place in one word, as `interlock.intake:3:120`."""
        return f"{self.topic}:{self.partition}:{self.offset}"

    @property
    def size(self) -> int:
        """How many bytes its sender sent."""
        headers = sum(len(name) + len(text) for name, text in self.headers)
        return len(self.key or b"") + len(self.value or b"") + headers

    @classmethod
    def of(cls, record: Any) -> Record:
        """Return a consumer's record."""
        return cls(
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            key=record.key,
            value=record.value,
            headers=tuple((name, text or b"") for name, text in record.headers),
        )


def place_of(name: str) -> tuple[str, int, int] | None:
    """Return topic, partition and offset of a record's name; None where it is none."""
    match = _NAME.fullmatch(name)
    return (match["topic"], int(match["partition"]), int(match["offset"])) if match else None
