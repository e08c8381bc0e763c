"""Every table is keyed by its project and every statement names it, so a project can live anywhere: docs/SCALING.md."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from typing import Final

import pytest

from tests.house.tree import REPOSITORY, files, sources

# What is about a whole database and not about a project, with the reason.
OF_THE_DATABASE: Final = {
    "ledger.migration": "which schema this database has",
    "ledger.mark": "what this database is",
}
OF_ALL_PROJECTS: Final = {
    "services/interlock/ledger/sql/heads.sql": "who moved: one row of each project, at a look now and then",
    "services/interlock/letters/letters.py _ASKED": "one intake reads the records of all projects",
    "services/interlock/ledger/migrations/0002_clock.sql#1": "a test clock never goes back behind any project",
    "services/interlock/ledger/migrations/0002_clock.sql#2": "the same, to say how far",
    "services/interlock/ledger/migrations/0007_sessions.sql#1": "a view, and whoever reads it names the project",
    "services/interlock/ledger/migrations/0003_guards.sql#1": "a restore begins where there is nothing at all",
}
OURS: Final = r"(?:ledger|snapshot|intake|notify|identity|read_model)\.\w+"
COMMENT: Final = re.compile(r"--[^\n]*")
TABLE: Final = re.compile(rf"create table (?P<table>{OURS}) \((?P<body>.*?)\n\)", re.DOTALL)
KEY: Final = re.compile(r"(?:primary key|unique) (?:\((?P<first>\w+))?")
INDEX: Final = re.compile(rf"create (?:unique )?index(?: \w+)? on (?P<table>{OURS}) (?:using \w+ )?\((?P<first>\w+)")
WORDS: Final = "where|on|set|order|group|join|cross|left|limit|for|loop|values|returning|select|as"
USE: Final = re.compile(
    rf"\b(?P<verb>from|join|into|update)\s+(?P<table>{OURS})(?!\()"
    rf"(?:\s+as\s+(?P<named>\w+)|\s+(?!(?:{WORDS})\b)(?P<short>\w+))?(?:\s*\((?P<columns>[^)]*)\))?"
)
VERB: Final = re.compile(r"\b(?:select|insert|update|delete|create)\b")


def keys_without(text: str) -> list[str]:
    """The tables and indexes in `text` whose keys do not begin with the project."""
    text = COMMENT.sub("", text)
    found = []
    for table in TABLE.finditer(text):
        keys = [key["first"] for key in KEY.finditer(table["body"])]
        if table["table"] not in OF_THE_DATABASE and (
            "primary key" not in table["body"]
            or any(first not in {"project", None} for first in keys)
            # A key beside its column is of that column alone.
            or any(not re.match(r"\s*project\b", line) for line in table["body"].splitlines() if _alone(line))
        ):
            found.append(table["table"])
    return found + [index["table"] for index in INDEX.finditer(text) if index["first"] != "project"]


def _alone(line: str) -> bool:
    return re.search(r"not null.*\b(?:primary key|unique)\b(?! \()", line) is not None


def uses_without(text: str) -> list[str]:
    """The tables of ours in the statements of `text` that no condition and no column ties to a project."""
    found = []
    for statement in COMMENT.sub("", text).split(";"):
        for use in USE.finditer(statement):
            name = use["named"] or use["short"]
            columns = [column.strip() for column in (use["columns"] or "").split(",")]
            if use["table"] in OF_THE_DATABASE or (use["verb"] == "into" and "project" in columns):
                continue
            if use["verb"] == "into" and re.match(r"\s*select \w+\.project\b", statement[use.end() :]):
                continue
            tied = rf"(?<![.\w])(?:{name}\.)?project\s*(?:=|<>)|=\s*{name}\.project\b|(?:by|order by) {name}\.project\b"
            if not re.search(tied, statement):
                found.append(use["table"])
    return found


def statements() -> Iterator[tuple[str, str]]:
    """Every `.sql` file, and every text of the projections, of the dead letters and of sessions that is SQL."""
    for path in files():
        if path.suffix == ".sql":
            yield path.relative_to(REPOSITORY).as_posix(), path.read_text(encoding="utf-8")
    for source in sources("projections/", "services/interlock/letters/", "services/interlock/identity/"):
        # As it is when the module is there, with everything put in; inside a function, with a table's name for it.
        for name, value in vars(importlib.import_module(source.module)).items():
            if isinstance(value, str) and VERB.search(value):
                yield f"{source.path} {name}", value
        for function in ast.walk(source.tree):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                for node in ast.walk(function):
                    if isinstance(node, ast.JoinedStr) and VERB.search(text := _said(node)):
                        yield f"{source.path} {function.name}", text


def _said(node: ast.JoinedStr) -> str:
    return "".join(str(part.value) if isinstance(part, ast.Constant) else " read_model.put_in " for part in node.values)


def test_every_key_and_every_index_begins_with_the_project() -> None:
    wrong = {place: found for place, text in statements() if (found := keys_without(text))}
    assert not wrong


def test_every_statement_names_the_project_of_each_table_it_uses() -> None:
    wrong: dict[str, str] = {}
    excused: set[str] = set()
    used = 0
    for place, text in statements():
        used += len(USE.findall(text))
        for number, table in enumerate(uses_without(text), start=1):
            name = f"{place}#{number}" if "/migrations/" in place else place
            if name in OF_ALL_PROJECTS:
                excused.add(name)
            else:
                wrong[name] = table
    assert not wrong
    assert excused == OF_ALL_PROJECTS.keys(), "an excuse that nobody needs"
    assert used > 100, "the statements were not found"


@pytest.mark.parametrize(
    "planted",
    [
        "select event.body from ledger.event as event where event.position > $1",
        "select e.body from ledger.event as e join ledger.head as head on head.project = $1 where e.position = 1",
        "insert into ledger.evidence (digest, bytes) values ($1, $2)",
        "update snapshot.folded set body = $1 where kind = $2",
        "delete from read_model.problem where subject = $1",
    ],
)
def test_a_statement_without_its_project_would_be_seen(planted: str) -> None:
    assert uses_without(planted)


@pytest.mark.parametrize(
    "planted",
    [
        "create table read_model.a (\n    project text not null,\n    name text,\n    primary key (name, project)\n)",
        "create table read_model.a (\n    name text not null primary key\n)",
        "create table read_model.a (\n    project text not null\n)",
        "create index on read_model.a (name, project)",
    ],
)
def test_a_key_without_its_project_would_be_seen(planted: str) -> None:
    assert keys_without(planted)
