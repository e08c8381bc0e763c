"""`dt intake`: what could not be understood, as a person looks after it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from interlock.ledger import Ledger
from interlock.letters import DeadLetters, Record
from tests.cli.terminal import Terminal
from tests.fixtures.postgres import elsewhere
from tests.fixtures.server import PROJECT, Served

NAME = "interlock.intake:3:120"
VALUE = b'{"hello": "\x1b[31mred'


@pytest.fixture
def terminal(server: Served, tmp_path: Path) -> Terminal:
    home = tmp_path / "home"
    home.mkdir()
    elsewhere(put_aside(tomllib.loads(server.config.read_text(encoding="utf-8"))["database"]["app"]))
    return Terminal(home, server.url, server.project, server.now)


async def put_aside(dsn: str) -> None:
    ledger = await Ledger.open(dsn)
    record = Record(
        topic="interlock.intake", partition=3, offset=120, key=b"k", value=VALUE, headers=(("content-type", b"x"),)
    )
    await DeadLetters(ledger).put(PROJECT, record, "no JSON: it ends too early", source="/ci", request="7")
    await ledger.close()


def test_it_is_listed_shown_and_discarded(terminal: Terminal) -> None:
    listed = terminal.dt("intake", "list", who="admin-1")
    assert listed.code == 0
    assert NAME in listed.stdout
    assert "no JSON: it ends too early" in listed.stdout
    assert f"dt intake show {NAME}" in listed.stderr
    shown = terminal.dt("intake", "show", NAME, who="admin-1")
    assert "/ci 7" in shown.stdout
    # What came from outside does not steer the terminal.
    assert "\x1b" not in shown.stdout
    assert terminal.dt("intake", "show", NAME, "--raw", who="admin-1").stdout == VALUE.decode()
    refused = terminal.dt("intake", "discard", NAME, "-m", "x", "--yes", who="anton")
    assert refused.code == 4
    done = terminal.dt("intake", "discard", NAME, "-m", "a misconfigured robot", "--yes", who="rm-1")
    assert done.code == 0
    assert terminal.dt("intake", "list", "--json", who="admin-1").json["dead_letters"] == []
    [over] = terminal.dt("intake", "list", "--all", "--json", who="admin-1").json["dead_letters"]
    assert (over["state"], over["because"]) == ("discarded", "a misconfigured robot")
    assert terminal.dt("intake", "retry", NAME, who="admin-1").code == 3


def test_it_is_asked_for_again(terminal: Terminal) -> None:
    assert terminal.dt("intake", "retry", NAME, who="admin-1").code == 0
    assert terminal.dt("intake", "show", NAME, "--json", who="admin-1").json["state"] == "asked"


@pytest.mark.parametrize("name", ["nothing", "../secrets:1:2", "interlock.intake:3:121"])
def test_what_is_no_dead_letter_is_told(terminal: Terminal, name: str) -> None:
    assert terminal.dt("intake", "show", name, who="admin-1").code in {2, 5}
