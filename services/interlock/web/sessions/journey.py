"""What a browser keeps while somebody signs in elsewhere: to which project, where to go then, and since when."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from interlock.events.strict import BadInput, strict_json
from interlock.web.sessions.site import own_path

BYTES_MAX: Final = 2_400


@dataclass(frozen=True, slots=True)
class Journey:
    """`since` (seconds since 1970) is set where the person is to prove anew who they are."""

    project: str
    address: str
    since: int | None

    @property
    def asked_at(self) -> datetime | None:
        """When the person was sent to prove it."""
        return None if self.since is None else datetime.fromtimestamp(self.since, UTC)

    def written(self) -> str:
        """Return it as a cookie's value; an address that is too long for one is the front page."""
        fields = {"project": self.project[:64], "address": self.address, "since": self.since}
        raw = json.dumps(fields).encode()
        if len(raw) > BYTES_MAX:
            raw = json.dumps({**fields, "address": "/"}).encode()
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")

    @classmethod
    def read(cls, written: str) -> Journey | None:
        """Return what was written, None where it was not."""
        try:
            raw = base64.urlsafe_b64decode(written + "=" * (-len(written) % 4))
            fields = strict_json(raw, bytes_max=BYTES_MAX)
        except (BadInput, binascii.Error, ValueError):
            return None
        match fields:
            case {"project": str(project), "address": str(address), "since": int() | None as since} if not isinstance(
                since, bool
            ):
                within = since if since is None or 0 <= since < 2**40 else None
                return cls(project, own_path(address), within) if within == since else None
            case _:
                return None
