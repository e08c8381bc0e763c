"""One line of PostgreSQL's JSON log, and whether it says that somebody changes data."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import postgast
from google.protobuf.message import DecodeError

LOGGED: Final = re.compile(r"(?:statement|execute [^:]*): (?P<text>.*)", re.DOTALL)
# What changes rows, or takes them away with their table.
CHANGES: Final = {
    "insert_stmt": "INSERT",
    "update_stmt": "UPDATE",
    "delete_stmt": "DELETE",
    "merge_stmt": "MERGE",
    "truncate_stmt": "TRUNCATE",
    "copy_stmt": "COPY",
    "do_stmt": "DO",
    "call_stmt": "CALL",
    "drop_stmt": "DROP",
    "alter_table_stmt": "ALTER TABLE",
    "create_table_as_stmt": "CREATE TABLE AS",
}
INSIDE: Final = {"InsertStmt": "INSERT", "UpdateStmt": "UPDATE", "DeleteStmt": "DELETE", "MergeStmt": "MERGE"}
# The parser's stack: a longer statement is judged by its first word.
PARSED_CHARACTERS_MAX: Final = 4_000
HARMLESS_WORDS: Final = frozenset(
    {"select", "show", "begin", "start", "commit", "end", "rollback", "set", "reset", "savepoint", "release", "values",
     "fetch", "close", "declare", "listen", "unlisten", "notify", "discard", "deallocate", "vacuum", "analyze",
     "explain", "checkpoint", "grant", "revoke", "comment", "table"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """What is needed of a line; `at` is when it was written, `number` counts the session's lines."""

    at: datetime
    user: str
    database: str
    session: str
    number: int
    failed: bool
    text: str | None


def line_of(raw: bytes) -> Line | None:
    """Return the line, or None where it is none of a session."""
    try:
        document: Any = json.loads(raw)
        if not isinstance(document, dict):
            return None
        found = LOGGED.match(document.get("message", ""))
        return Line(
            at=datetime.strptime(document["timestamp"], "%Y-%m-%d %H:%M:%S.%f %Z").replace(tzinfo=UTC),
            user=document["user"],
            database=document["dbname"],
            session=document["session_id"],
            number=int(document["line_num"]),
            failed=document.get("error_severity") in {"ERROR", "FATAL", "PANIC"},
            text=found["text"] if found is not None and document.get("error_severity") == "LOG" else None,
        )
    except (ValueError, KeyError, TypeError):
        return None


def changes_in(text: str) -> tuple[str, ...]:
    """Return the commands in a text that change data, as they are called; none where it only looks."""
    if len(text) > PARSED_CHARACTERS_MAX:
        return _by_first_word(text)
    try:
        statements = postgast.parse(text).stmts
    except (postgast.PgQueryError, DecodeError):
        return _by_first_word(text)
    found: list[str] = []
    for statement in statements:
        kind = str(statement.stmt.WhichOneof("node"))
        if kind == "copy_stmt" and not statement.stmt.copy_stmt.is_from:
            continue
        if kind in CHANGES:
            found.append(CHANGES[kind])
            continue
        found += [
            INSIDE[node.DESCRIPTOR.name] for _, node in postgast.walk(statement.stmt) if node.DESCRIPTOR.name in INSIDE
        ]
    return tuple(found)


def _by_first_word(text: str) -> tuple[str, ...]:
    """What cannot be parsed changes something, unless its first word is a harmless one."""
    words = text.split(maxsplit=1)
    word = words[0].lower().rstrip(";") if words else ""
    return () if not word or word in HARMLESS_WORDS else (word.upper()[:20],)
