"""The server is away: gates stay closed, and that is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal
from tests.client.scripted import gives, hangs_up, problem, scripted

NOBODY_LISTENS = "http://127.0.0.1:9"


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path, NOBODY_LISTENS)


def test_a_read_says_that_gates_stay_closed(terminal: Terminal) -> None:
    terminal.shows("server-away", "status", code=7)


def test_as_json_it_is_one_document_on_stdout(terminal: Terminal) -> None:
    done = terminal.dt("deploy", "4.12.0", "production", "--json")
    assert (done.code, done.stderr) == (7, "")
    assert done.json["gates"] == "closed"
    assert done.json["next"][0]["command"] == "dt doctor"


def test_the_doctor_is_red(terminal: Terminal) -> None:
    done = terminal.dt("doctor")
    assert done.code == 1
    assert "✗ server" in done.stdout
    assert "gates stay closed" in done.stdout


def test_a_command_that_was_sent_and_not_answered_names_its_key(tmp_path: Path) -> None:
    with scripted(hangs_up) as script:
        terminal = Terminal(tmp_path, script.url)
        done = terminal.dt("release", "hold", "4.12.0", "-m", "wait")
        key = script.asked[0].headers["Idempotency-Key"]
        assert done.code == 12
        assert f"--idempotency-key {key}" in done.stderr
        terminal.dt("release", "hold", "4.12.0", "-m", "wait", "--idempotency-key", key)
        assert {asked.headers["Idempotency-Key"] for asked in script.asked} == {key}


def test_what_was_not_understood_names_the_field(tmp_path: Path) -> None:
    errors = [{"field": "title", "what": "it is too long"}]
    with scripted(problem("invalid", 422, title="A value is not allowed here", errors=errors)) as script:
        done = Terminal(tmp_path, script.url).dt("release", "new", "4.12.0", "-t", "x")
    assert done.code == 2
    assert "title: it is too long" in done.stderr


def test_a_name_that_is_none_asks_no_other_question(tmp_path: Path) -> None:
    with scripted(problem("not-found", 404)) as script:
        for name in ("a/../b", "..", "4.12.0?at=1", "%2e%2e", "ü", ""):
            done = Terminal(tmp_path, script.url).dt("release", "show", name)
            assert (done.code, "is no name" in done.stderr) == (2, True), name
        assert script.asked == []


def test_what_is_no_interlock_server_is_said_to_be_none(tmp_path: Path) -> None:
    with scripted(gives(200, b"hello", "text/plain")) as script:
        done = Terminal(tmp_path, script.url).dt("status")
    assert done.code == 1
    assert "is this the address of an Interlock server?" in done.stderr


def test_without_a_login_it_says_how_to_get_one(terminal: Terminal) -> None:
    done = terminal.dt("status", who=None)
    assert done.code == 4
    assert "dt login --code CODE" in done.stderr


def test_without_a_project_it_says_who_names_one(tmp_path: Path) -> None:
    done = Terminal(tmp_path, NOBODY_LISTENS).dt("status", env={"INTERLOCK_PROJECT": ""})
    assert done.code == 2
    assert "no project is named" in done.stderr


def test_two_founders_are_needed_and_their_codes_are_shown_once(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, NOBODY_LISTENS)
    assert terminal.dt("init", "--founder", "anton", who=None).code == 2
    done = terminal.dt("init", "--name", "demo", "--founder", "anton", "--founder", "berta", "--json", who=None)
    codes = [founder["code"] for founder in done.json["founders"]]
    text = (tmp_path / "interlock.toml").read_text(encoding="utf-8")
    assert len(set(codes)) == 2
    assert not any(code in text for code in codes)
    assert terminal.dt("init", "--founder", "a", "--founder", "b", who=None).code == 2


def test_the_settings_are_found_from_below(tmp_path: Path) -> None:
    (tmp_path / "interlock.toml").write_text('project = "trader"\n[server]\nport = 9\n', encoding="utf-8")
    below = tmp_path / "src" / "deep"
    below.mkdir(parents=True)
    terminal = Terminal(below, "")
    done = terminal.dt("status", "--json", env={"INTERLOCK_URL": "", "INTERLOCK_PROJECT": ""})
    assert json.loads(done.stdout)["server"] == "http://127.0.0.1:9"
