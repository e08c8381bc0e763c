"""Style and scripts: read once, under an address that holds their digest, so that browsers keep them for ever."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import Final

from starlette.responses import Response
from starlette.types import Scope

PACKAGE: Final = "interlock.web"
TYPES: Final = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
DIGEST_CHARACTERS: Final = 16
FOR_EVER: Final = "public, max-age=31536000, immutable"


class Static:
    """Every file below web/static. One digest is of all of them: modules that import each other change together."""

    def __init__(self) -> None:
        """Read the files."""
        found = sorted((each.name, each.read_bytes()) for each in files(PACKAGE).joinpath("static").iterdir())
        self._files = {name: body for name, body in found if name[name.rfind(".") :] in TYPES}
        whole = hashlib.sha256()
        for name, body in found:
            whole.update(name.encode() + b"\0" + hashlib.sha256(body).digest())
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
        return Response(body, media_type=kind, headers={"Cache-Control": FOR_EVER})
