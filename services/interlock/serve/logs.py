"""What a server writes on stderr: as text, or as a JSON object a line; in either, no secret."""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, Final, Literal

Format = Literal["text", "json"]
LINE: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
HIDDEN: Final = "[hidden]"
# Credentials and codes of ours; what stands after Bearer, in a cookie, as a password in an address or in a setting.
_SECRETS: Final = re.compile(
    r"il_[0-9A-Za-z_-]{8,}"
    r"|(?i:(?<=bearer )[^\s'\"]+)"
    r"|(?i:(?<=cookie: )[^\r\n]+)"
    r"|(?<=://)[^/\s@]*:[^/\s@]*(?=@)"
    r"|(?i:(?<=password=)[^\s&'\"]+)"
)


def without_secrets(text: str) -> str:
    """Return the text with whatever looks like a secret hidden."""
    return _SECRETS.sub(HIDDEN, text)


class Text(logging.Formatter):
    """Lines for people."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as lines."""
        return without_secrets(super().format(record))


class Json(logging.Formatter):
    """One JSON object a line: at (RFC 3339, UTC), level, logger, message, part, and the error where there is one."""

    def __init__(self, part: str) -> None:
        """Say that `part` writes it."""
        super().__init__()
        self._part = part

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        document: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "part": self._part,
            "message": without_secrets(record.getMessage()),
        }
        if record.exc_info and record.exc_info[0] is not None:
            document["error"] = record.exc_info[0].__name__
            document["traceback"] = without_secrets("".join(traceback.format_exception(*record.exc_info)))
        return json.dumps(document, ensure_ascii=False)


def begin(part: str, how: Format, *, verbose: bool) -> None:
    """Write the logs of this process like that from here on.

    `verbose` is about what we say ourselves: libraries tell addresses in full, and an address may hold a secret.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Json(part) if how == "json" else Text(LINE))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("interlock").setLevel(logging.INFO if verbose else logging.WARNING)
