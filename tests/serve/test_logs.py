"""What a server writes on stderr can be read by machines, and holds no secret, whatever went wrong."""

from __future__ import annotations

import json
import logging
from pathlib import Path

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


def test_a_server_writes_json_lines_by_its_setting_and_no_credential_is_in_them(dsns: Dsns, tmp_path: Path) -> None:
    config = written(tmp_path, config_text(dsns=dsns) + '[server]\nlog = "json"\n')
    with serving(config, "--verbose") as served:
        served.now = None
        enrol(served, "admin-1", enrolment_of("admin-1"), UNTIL)
        served["admin-1"].get("/status")
        for wrong in (token_of("nobody"), "il_short", "Bearer"):
            with pytest.raises(Exception, match=r"."):
                served.client(wrong).get("/status")
    lines = (tmp_path / "server.log").read_text(encoding="utf-8").splitlines()
    documents = [json.loads(line) for line in lines if line.startswith("{")]
    # What is no JSON is what it tells whoever started it: where it serves.
    assert [line for line in lines if not line.startswith("{") and not line.startswith("Interlock ")] == []
    requests = [each["message"] for each in documents if each["logger"] == "interlock.requests"]
    assert any(message.startswith("GET /v1/{project}/status 200 ") for message in requests)
    assert any(message.startswith("GET /v1/{project}/status 401 ") for message in requests)
    whole = "\n".join(lines)
    for name in (*EVERYBODY, "nobody"):
        assert token_of(name) not in whole
        assert enrolment_of(name) not in whole
