"""Style and scripts: read once, under an address that holds their digest, so that browsers keep them for ever.

They travel compressed where the browser takes that. Pages do not: a page holds its forms' token beside what somebody
else may have put into its address, and the length of both compressed together would tell of the token (BREACH).
"""

from __future__ import annotations

import gzip
import hashlib
import re
from importlib.resources import files
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

PACKAGE: Final = "interlock.web"
TYPES: Final = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
DIGEST_CHARACTERS: Final = 16
FOR_EVER: Final = "public, max-age=31536000, immutable"

_CODING: Final = re.compile(r"([\w*-]+)\s*(?:;\s*q=([01](?:\.\d{0,3})?))?")


class Static:
    """Every file below web/static. One digest is of all of them: modules that import each other change together."""

    def __init__(self) -> None:
        """Read the files."""
        found = sorted((each.name, each.read_bytes()) for each in files(PACKAGE).joinpath("static").iterdir())
        self._files = {name: body for name, body in found if name[name.rfind(".") :] in TYPES}
        whole = hashlib.sha256()
        for name, body in found:
            whole.update(name.encode() + b"\0" + hashlib.sha256(body).digest())
        self._packed = {name: gzip.compress(body, mtime=0) for name, body in self._files.items()}
        self._digest = whole.hexdigest()[:DIGEST_CHARACTERS]

    def address(self, name: str) -> str:
        """Return where the file is served. Raises KeyError for a name that is none."""
        self._files[name]
        return f"/static/{self._digest}/{name}"

    def response(self, scope: Scope) -> Response:
        """Return the file; one of another version is gone, and is not kept by anybody."""
        _, _, digest, *rest = scope["path"].split("/")
        body = self._files.get("/".join(rest))
        if body is None or digest != self._digest or scope["method"] not in {"GET", "HEAD"}:
            return Response("not found", 404, media_type="text/plain", headers={"Cache-Control": "no-store"})
        kind = TYPES[rest[-1][rest[-1].rfind(".") :]]
        headers = {"Cache-Control": FOR_EVER, "Vary": "Accept-Encoding"}
        if takes_gzip(Headers(scope=scope).get("accept-encoding", "")):
            body = self._packed["/".join(rest)]
            headers["Content-Encoding"] = "gzip"
        return Response(body, media_type=kind, headers=headers)


def takes_gzip(accepted: str) -> bool:
    """Tell whether whoever sent this Accept-Encoding takes gzip (RFC 9110: a weight of 0 says no)."""
    weights = dict(_CODING.findall(accepted.lower()))
    return float(weights.get("gzip", "0") or "1") > 0
