"""The time that a line of a log begins with: the forms that are known without being told, or the configured one."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

# The time stands near the beginning, also in a line of JSON.
LOOKED_AT_BYTES: Final = 256
ZONE_UTC: Final = ZoneInfo("UTC")

_ISO: Final = re.compile(
    rb"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?\s?(Z|[+-]\d\d:?\d\d)?(?![\d:])"
)
_SYSLOG: Final = re.compile(rb"^(?:<\d+>)?([A-Z][a-z]{2}) {1,2}(\d{1,2}) (\d\d):(\d\d):(\d\d)\b")
_ACCESS: Final = re.compile(rb"\[(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-]\d{4})\]")
_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"), start=1
    )
}


class Stamps:
    """Reads lines' times; those without a zone are meant in `zone`."""

    def __init__(self, zone: ZoneInfo = ZONE_UTC, expression: Any = None, form: str = "") -> None:
        """Use the known forms, or `expression`, whose one group strptime reads by `form`."""
        self._zone = zone
        self._expression = expression
        self._form = form

    def of(self, line: bytes, near: datetime) -> datetime | None:
        """Return the line's time, None where it has none; `near` gives the year to forms that have none."""
        head = line[:LOOKED_AT_BYTES]
        try:
            if self._expression is not None:
                return self._configured(head)
            return self._iso(head) or self._access(head) or self._syslog(head, near)
        except (ValueError, OverflowError, KeyError):
            return None

    def _configured(self, head: bytes) -> datetime | None:
        found = self._expression.search(head)
        if found is None:
            return None
        return self._zoned(datetime.strptime(found.group(1).decode("ascii", "replace"), self._form))  # noqa: DTZ007

    def _iso(self, head: bytes) -> datetime | None:
        found = _ISO.search(head)
        if found is None:
            return None
        year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
        fraction = int((found[7] or b"0").ljust(6, b"0")[:6])
        if found[8] not in {None, b"Z"}:
            return datetime.fromisoformat(
                f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:06}{found[8].decode()}"
            ).astimezone(UTC)
        made = datetime(year, month, day, hour, minute, min(second, 59), fraction)  # noqa: DTZ001
        return made.replace(tzinfo=UTC) if found[8] else self._zoned(made)

    def _access(self, head: bytes) -> datetime | None:
        found = _ACCESS.search(head)
        if found is None:
            return None
        text = (
            f"{found[3].decode()}-{_MONTHS[found[2]]:02}-{found[1].decode()}T{b':'.join(found.groups()[3:6]).decode()}"
        )
        return datetime.fromisoformat(text + found[7].decode()).astimezone(UTC)

    def _syslog(self, head: bytes, near: datetime) -> datetime | None:
        found = _SYSLOG.search(head)
        if found is None:
            return None
        day, hour, minute, second = (int(part) for part in found.groups()[1:])
        for year in (near.year, near.year - 1):
            made = self._zoned(datetime(year, _MONTHS[found[1]], day, hour, minute, min(second, 59)))  # noqa: DTZ001
            # A line of December that is read in January is last year's.
            if made <= near + timedelta(days=2):
                return made
        return None

    def _zoned(self, made: datetime) -> datetime:
        return (made if made.tzinfo is not None else made.replace(tzinfo=self._zone)).astimezone(UTC)
