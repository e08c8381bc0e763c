"""What a server writes on stderr can be read by machines, and holds no secret, whatever went wrong."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from interlock.ledger.embedded import Dsns
from interlock.serve.logs import HIDDEN, Json, Text, without_secrets
from tests.fixtures.server import EVERYBODY, config_text, enrol, enrolment_of, serving, token_of
from tests.serve.test_starting import UNTIL, written

SECRETS = {
    token_of("anton"): f"a caller came with {token_of('anton')}",
    "eyJhbGciOi.J9.e30": "Authorization: Bearer eyJhbGciOi.J9.e30",
    "hunter2": "could not connect to postgresql://app:hunter2@db.example/interlock",
    "s3cr3t": "settings: user=x password=s3cr3t host=y",
    "__Host-session=abcdef": "Cookie: __Host-session=abcdef; other=1",
}


def record(message: str) -> logging.LogRecord:
    try:
        raise RuntimeError(message)
    except RuntimeError as error:
        caught = (type(error), error, error.__traceback__)
    return logging.LogRecord("interlock.test", logging.ERROR, __file__, 1, "it says %s", (message,), caught)


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("formatter", [Json("api"), Text("%(message)s")], ids=["json", "text"])
def test_no_secret_is_written_neither_in_a_message_nor_in_an_error(formatter: logging.Formatter, secret: str) -> None:
    written_down = formatter.format(record(SECRETS[secret]))
    assert secret not in written_down
    assert written_down.count(HIDDEN) >= 2


def test_what_is_no_secret_stays_readable() -> None:
    said = "GET /v1/{project}/releases/{name} 200 il_ is how tokens begin; postgresql://db.example/x"
    assert without_secrets(said) == said


def test_a_line_says_when_how_bad_who_and_what(tmp_path: Path) -> None:
    [line] = Json("relay").format(record("two\nlines")).splitlines()
    document = json.loads(line)
    assert document["at"].endswith("Z")
    assert {name: document[name] for name in ("level", "logger", "part", "message", "error")} == {
        "level": "error",
        "logger": "interlock.test",
        "part": "relay",
        "message": "it says two\nlines",
        "error": "RuntimeError",
    }


class Elsewhere(BaseHTTPRequestHandler):
    """An identity provider that knows nothing, at an address that nobody should read."""

    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


@contextmanager
def elsewhere() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


class Words:
    """Secrets that look like any word: no pattern would hide them."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def __call__(self) -> str:
        self.said.append(f"swordfish-{len(self.said)}-of-mine")
        return self.said[-1]


def told_everywhere(url: str, secret: Words) -> None:
    """Put a secret into every place of a request that there is; none of these requests leads anywhere."""
    with httpx2.Client(base_url=url, timeout=30) as http:
        for scheme in ("Bearer", "Basic", "Digest", "bearer"):
            assert http.get("/v1/demo/status", headers={"Authorization": f"{scheme} {secret()}"}).status_code == 401
        for name in ("__Host-interlock", "session", secret()):
            http.get("/p/demo/", headers={"Cookie": f"{name}={secret()}"})
        for name in ("Idempotency-Key", "If-Match", "Interlock-Now", "Last-Event-ID", "Referer", "Origin", "X-Api-Key"):
            http.post("/v1/demo/commands/Annotate", headers={name: secret()}, json={})
        for path in ("/v1/demo/events", "/sign-in", "/sign-in/back", "/nowhere"):
            http.get(path, params={"token": secret(), "code": secret(), "state": secret(), secret(): "1"})
        http.get(f"/v1/demo/releases/{secret()}")
        http.get(f"/{secret()}/{secret()}")
        http.post("/v1/demo/commands/Annotate", json={"text": secret(), secret(): secret()})
        http.post("/v1/demo/commands/Annotate", content=f'{{"text": "{secret()}'.encode())
        http.post("/v1/demo/evidence", content=secret().encode())
        http.post("/sign-in", data={"project": "demo", "token": secret(), secret(): ""}, headers={"Origin": url})
        http.get("/sign-in/provider", params={"project": "demo", "next": f"/p/{secret()}"})
    address = urlsplit(url)
    for raw in (f"{secret()}\r\n\r\n", f"GET /{secret()} HTTP/9.9\r\n\r\n", f"GET / HTTP/1.1\r\n{secret()}\r\n\r\n"):
        with socket.create_connection((address.hostname, address.port), timeout=30) as line:
            line.sendall(raw.encode())
            line.recv(65_536)


def test_a_server_writes_json_lines_by_its_setting_and_no_secret_is_in_them(dsns: Dsns, tmp_path: Path) -> None:
    secret = Words()
    with elsewhere() as issuer:
        more = f'[server]\nlog = "json"\n[sign_in.oidc]\nissuer = "{issuer}/{secret()}"\nclient = "{secret()}"\n'
        observed(written(tmp_path, config_text(dsns=dsns) + more), secret)
    lines = (tmp_path / "server.log").read_text(encoding="utf-8").splitlines()
    whole = "\n".join(lines)
    assert [word for word in secret.said if word in whole] == []
    documents = [json.loads(line) for line in lines if line.startswith("{")]
    # What is no JSON is what it tells whoever started it: where it serves.
    assert [line for line in lines if not line.startswith("{") and not line.startswith("Interlock ")] == []
    requests = [each["message"] for each in documents if each["logger"] == "interlock.requests"]
    assert any(message.startswith("GET /v1/{project}/status 200 ") for message in requests)
    assert any(message.startswith("GET /v1/{project}/status 401 ") for message in requests)
    assert any(message.startswith("GET other 503 ") for message in requests)
    for name in (*EVERYBODY, "nobody"):
        assert token_of(name) not in whole
        assert enrolment_of(name) not in whole


def observed(config: Path, secret: Words) -> None:
    """Serve by these settings, and be asked in every way."""
    with serving(config, "--verbose") as served:
        served.now = None
        enrol(served, "admin-1", enrolment_of("admin-1"), UNTIL)
        served["admin-1"].get("/status")
        for wrong in (token_of("nobody"), "il_short", "Bearer"):
            with pytest.raises(Exception, match=r"."):
                served.client(wrong).get("/status")
        told_everywhere(served.url, secret)
