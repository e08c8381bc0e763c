"""Signing `dt` in from a page: it made its secret, and a person who is signed in here accepts the secret's digest.

Both sides show a code of that digest. A page that somebody else sent a person to shows a code that stands on no
terminal of theirs; the page says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from interlock.events.login_code import login_code
from interlock.web.asked import refused

DAYS_MAX: Final = 366
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_DAYS: Final = re.compile(r"[1-9]\d{0,2}")
_HOST: Final = re.compile(r"[A-Za-z0-9._ -]{1,100}")


@dataclass(frozen=True, slots=True)
class Lent:
    """What `dt` asks for: that this digest's secret is accepted, for so many days; `host` is where it says it runs."""

    digest: str
    days: int
    host: str

    @property
    def code(self) -> str:
        """What stands on the terminal too."""
        return login_code(self.digest)


def lent_of(query: Mapping[str, str]) -> Lent:
    """Return what the address asks for. Raises NotAnswered where it is none of dt's."""
    digest, days, host = query.get("digest", ""), query.get("days", ""), query.get("host", "a machine")
    if not _DIGEST.fullmatch(digest) or not _DAYS.fullmatch(days) or int(days) > DAYS_MAX or not _HOST.fullmatch(host):
        raise refused(422, "A value is not allowed here", "this address is none that dt login gave; type it once more")
    return Lent(digest, int(days), host)


def lent_until(lent: Lent, now: str) -> str:
    """Return until when the token serves, from the ledger's clock."""
    until = datetime.fromisoformat(now).replace(microsecond=0) + timedelta(days=lent.days)
    return until.isoformat().replace("+00:00", "Z")
