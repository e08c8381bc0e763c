"""docs/OPERATIONS.md, followed word for word: tokens, a move, a backup that is restored; and its table of settings."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from interlock.serve.database import NAME
from interlock.serve.settings import Settings
from tests.acceptance.following import ROOT, Newcomer, blocks, databases, stopped, surroundings, tools
from tests.fixtures.ports import free_port
from tests.serve.newer import newer_version

PAGE = ROOT / "docs" / "OPERATIONS.md"
# For `dt`, which has its own list (`dt help config`); and where the file stands.
NOT_OF_A_SERVER = {"home", "environments", "logs", "tests", "repositories", "content", "authors", "feeds", "commands"}

# Where the page notes which process serves, and which one of the next version beside it.
NOTED = {"SERVER": "server.pid", "NEWER": "new.pid"}


class Operator(Newcomer):
    """Somebody who runs servers: notes also which credential is whose, and which processes are servers."""

    SERVERS = tuple(NOTED)

    def learns(self) -> None:
        super().learns()
        for name, file in NOTED.items():
            if (noted := self.where / file).exists():
                self.own[name] = noted.read_text(encoding="utf-8").strip()
        if found := re.search(r"^ +(\S+) +anton +(?!enrolment)\S+ +read, write", self.shown, re.MULTILINE):
            self.own["CREDENTIAL-OF-ANTON"] = found[1]


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    """An empty directory, a PostgreSQL server with nothing in it, and its own tools."""
    with databases("p") as servers:
        [server] = servers.values()
        dsns = server.dsns(NAME)
        port = free_port()
        own = {
            # First: what is put in for the others may have these digits in it.
            "8788": str(free_port()),
            "ADDRESS-OF-POSTGRESQL": server.dsn("postgres", "postgres"),
            "ADDRESS-OF-THE-LEDGER": server.dsn("postgres", NAME),
            "ADDRESS-OF-THE-APP": dsns.app,
            "ADDRESS-OF-THE-OWNER": dsns.owner,
            "127.0.0.1:8787": f"127.0.0.1:{port}",
            "CHECKOUT": str(checkout(tmp_path / "checkout")),
            "PROGRAMS-OF-THE-NEW-VERSION": str(programs_of_the_next_version(tmp_path / "next")),
        }
        made = Operator(
            home=tmp_path, port=port, environ=surroundings(tmp_path), own=own, where=tmp_path, asks="health"
        )
        made.environ["PATH"] = f"{tools()}:{made.environ['PATH']}"
        try:
            yield made
        finally:
            made.leaves()


def checkout(directory: Path) -> Path:
    """What of a checkout `docker compose` needs before anything is built."""
    shutil.copytree(ROOT / "infra" / "compose", directory / "infra" / "compose")
    shutil.copy(ROOT / "docker-compose.yml", directory)
    return directory


def programs_of_the_next_version(directory: Path) -> Path:
    """What installing it would leave: a directory with its `dt`."""
    source = newer_version(directory / "source")["PYTHONPATH"]
    program = directory / "dt"
    ours = Path(sys.executable).with_name("dt")
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{source}" exec "{ours}" "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return directory


@pytest.mark.timeout(600)  # On a quiet machine it takes less than one; every command is a process of its own.
def test_an_operator_moves_backs_up_loses_and_restores_a_server(operator: Operator) -> None:
    for block in blocks(PAGE):
        if block.kind == "text":
            operator.sees(block)
            continue
        if "> server.pid" in block.text and "SERVER" in operator.own:
            # Whoever types waits a little by himself.
            stopped(int(operator.own["SERVER"]))
        if "drop database" in block.text:
            stopped(int(operator.own["SERVER"]))
        operator.does(block)
        for word, said in SAID.items():
            if word in block.text:
                assert re.search(said, operator.shown), operator.shown


# What commands must have said, by a word of their block.
SAID = {
    'annotate 1 "Is it open?"': "two administrators|was known",
    "audit recheck": r"decided again",
    "restore --from backup": r"another administrator",
    "projections rebuild": "releases",
    "Both versions serve": "Annotated",
    "The new version alone": "Annotated",
}


def settings(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every setting of a server, with its table's name before it."""
    for name, each in model.model_fields.items():
        inner = [part for part in (each.annotation, *getattr(each.annotation, "__args__", ())) if is_model(part)]
        if name in NOT_OF_A_SERVER and not prefix:
            continue
        if inner:
            yield from settings(inner[0], f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def is_model(part: object) -> bool:
    return isinstance(part, type) and issubclass(part, BaseModel)


def test_the_table_of_settings_has_each_of_them_and_no_other() -> None:
    rows = re.findall(r"^\| `([a-z_.]+)` \|", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert rows == sorted(set(rows), key=rows.index)
    assert set(rows) == set(settings(Settings))


def test_every_fenced_block_of_the_page_is_found() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert len(blocks(PAGE)) * 2 == page.count("```")
    assert len([block for block in blocks(PAGE) if block.kind == "sh"]) > 15
