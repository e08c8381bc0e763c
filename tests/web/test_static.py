"""Style and scripts: compressed where the browser takes that, and the same bytes either way."""

from __future__ import annotations

import gzip

import pytest
from starlette.responses import Response

from interlock.web.static import Static

STATIC = Static()


def asked(accepted: str | None) -> Response:
    headers = [] if accepted is None else [(b"accept-encoding", accepted.encode())]
    path = STATIC.address("interlock.css")
    return STATIC.response({"type": "http", "method": "GET", "path": path, "headers": headers})


@pytest.mark.parametrize("accepted", ["gzip, deflate, br, zstd", "gzip;q=0.5", "br , GZIP", "deflate, gzip; q=1"])
def test_whoever_takes_gzip_gets_it(accepted: str) -> None:
    answer = asked(accepted)
    assert answer.headers["content-encoding"] == "gzip"
    assert gzip.decompress(bytes(answer.body)) == bytes(asked(None).body)
    assert len(answer.body) < len(asked(None).body) / 2


@pytest.mark.parametrize("accepted", [None, "", "br", "gzip;q=0", "gzip; q=0.000, br", "xgzip", "identity"])
def test_whoever_does_not_gets_the_bytes_as_they_are(accepted: str | None) -> None:
    answer = asked(accepted)
    assert "content-encoding" not in answer.headers
    # A cache in between keeps both apart.
    assert answer.headers["vary"] == "Accept-Encoding"
