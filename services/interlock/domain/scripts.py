"""Which scripts may adjust data, and which queries may say that all is well: read by PostgreSQL's own parser.

The same functions judge a script when it is asked for and again before it runs. Whatever the parser does not
understand is refused: a script that only a newer PostgreSQL understands is not admitted. What a script calls inside the
database (functions, triggers) cannot be seen here; the runner looks at what it did before it commits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import postgast
from google.protobuf.message import DecodeError

from interlock.domain.script_words import ELSEWHERE, FORBIDDEN_FUNCTIONS, FORBIDDEN_PREFIXES, REFUSED, Reason
from interlock.events.canonical import digest_of_bytes

SCRIPT_BYTES_MAX: Final = 262_144
STATEMENTS_MAX: Final = 200
# Bounds how deep a statement's tree can be before the parser sees it: a tree some 25,000 deep overflows its stack.
NESTING_SIGNS_MAX: Final = 2_000
FIRST_WORDS: Final = 4
SHOWN_CHARACTERS_MAX: Final = 60

CHANGES: Final = {"insert_stmt": "INSERT", "update_stmt": "UPDATE", "delete_stmt": "DELETE", "merge_stmt": "MERGE"}
ALLOWED: Final = {**CHANGES, "select_stmt": "SELECT", "constraints_set_stmt": "SET CONSTRAINTS"}
SET_OPERATIONS: Final = frozenset({"UNION", "INTERSECT", "EXCEPT"})
OPENING: Final = frozenset({"ASCII_40", "ASCII_91"})
CLOSING: Final = frozenset({"ASCII_41", "ASCII_93"})
COMMA: Final = "ASCII_44"
SEMICOLON: Final = "ASCII_59"
COMMENTS: Final = frozenset({"SQL_COMMENT", "C_COMMENT"})
# These cannot make a tree deeper by themselves.
FLAT: Final = frozenset({"ICONST", "FCONST", "SCONST", "USCONST", "BCONST", "XCONST", "IDENT", "UIDENT", "ASCII_46"})


class NotAdmissible(ValueError):
    """the script is none that adjusts data: `number` and `words` say which statement, `what` why, `instead` what helps

    `number` is 0 where it is about the whole.
    """

    def __init__(self, what: str, instead: str, *, number: int = 0, words: str = "") -> None:
        """Sentences for a person; `words` are the statement's first ones."""
        where = f"statement {number} ({words}): " if number else ""
        super().__init__(f"{where}{what}; {instead}")
        self.number = number
        self.words = words
        self.what = what
        self.instead = instead


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a script, exactly as it is sent: nothing else can be in `text`."""

    number: int
    text: str
    command: str
    digest: str


@dataclass(frozen=True, slots=True)
class _Piece:
    """What lies between two semicolons, by its tokens."""

    first_byte: int
    words: str
    depth: int


def admit_script(content: bytes) -> tuple[Statement, ...]:
    """Return the script's statements, in their order. Raises NotAdmissible."""
    return tuple(statement for statement, _ in _statements(content, "script"))


def admit_queries(content: bytes) -> tuple[Statement, ...]:
    """Return the queries, each of which gives one boolean when it runs. Raises NotAdmissible."""
    found = []
    for statement, tree in _statements(content, "query"):
        reason = _reason_no_query(statement, tree)
        if reason is not None:
            words = _shown(statement.text)
            raise NotAdmissible(reason.what, reason.instead, number=statement.number, words=words)
        found.append(statement)
    return tuple(found)


def _reason_no_query(statement: Statement, tree: Any) -> Reason | None:
    if statement.command != "SELECT":
        what = f"a query looks and changes nothing, and this is {statement.command}"
        return Reason(what, "write a SELECT that gives one boolean")
    for kind, _ in _nodes(tree):
        if kind in {"InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"}:
            return Reason("its WITH changes data", "let the script change data, and the query look")
        if kind == "LockingClause":
            return Reason("it locks rows", "leave FOR UPDATE and FOR SHARE out: the runner has locked the tables")
    return None


def _statements(content: bytes, what: str) -> list[tuple[Statement, Any]]:
    text = _text(content)
    pieces = _pieces(text)
    if not pieces:
        raise NotAdmissible(f"the {what} is empty", "write at least one statement")
    if len(pieces) > STATEMENTS_MAX:
        raise NotAdmissible(
            f"it has {len(pieces)} statements, more than {STATEMENTS_MAX}", "make several adjustments of it"
        )
    for number, piece in enumerate(pieces, start=1):
        if piece.depth > NESTING_SIGNS_MAX:
            raise _too_deep(number, piece.words)
    found = []
    for number, one in enumerate(_split(text, pieces), start=1):
        tree = _tree(one, number)
        found.append((_admitted(one, tree, number), tree))
    return found


def _text(content: bytes) -> str:
    """Return the text. The parser reads up to a NUL and no further, so that one never reaches it."""
    if len(content) > SCRIPT_BYTES_MAX:
        raise NotAdmissible(
            f"it has {len(content)} bytes, more than {SCRIPT_BYTES_MAX}", "make several adjustments of it"
        )
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as odd:
        raise NotAdmissible(f"byte {odd.start} is no UTF-8", "save the file as UTF-8") from None
    for sign, name in (("\0", "a NUL character"), ("\ufeff", "a byte order mark")):
        if sign in text:
            raise NotAdmissible(f"it holds {name}", "take it out: it hides what the server would read")
    return text


def _pieces(text: str) -> list[_Piece]:
    """Return what lies between semicolons, empty pieces and comments left out. Raises NotAdmissible."""
    try:
        tokens = postgast.scan(text).tokens
    except postgast.PgQueryError as wrong:
        raise NotAdmissible(f"it cannot be read: {wrong.message}", "close every quote and comment") from None
    raw = text.encode()
    found: list[_Piece] = []
    waiting: list[tuple[str, int, int]] = []
    name_of = postgast.pg_query_pb2.Token.Name
    for token in tokens:
        name = name_of(token.token)
        if name == SEMICOLON:
            found += _piece(waiting, raw)
            waiting = []
        elif name not in COMMENTS:
            waiting.append((name, token.start, token.end))
    return [*found, *_piece(waiting, raw)]


def _piece(tokens: list[tuple[str, int, int]], raw: bytes) -> Iterator[_Piece]:
    if tokens:
        end = tokens[min(len(tokens), FIRST_WORDS) - 1][2]
        words = _shown(raw[tokens[0][1] : end].decode())
        yield _Piece(first_byte=tokens[0][1], words=words, depth=_depth(name for name, _, _ in tokens))


def _depth(tokens: Iterator[str]) -> int:
    """Return at most how deep the tree of these tokens can be.

    Every operator and keyword may stand above what came before it, until a comma; a UNION above whole lists. The
    contents of brackets count for the one who opened them.
    """
    levels = [[0, 0, 0]]  # since the last comma; the most between two commas; set operations
    for name in tokens:
        if name in OPENING:
            levels.append([0, 0, 0])
        elif name in CLOSING and len(levels) > 1:
            run, most, unions = levels.pop()
            levels[-1][0] += 1 + max(run, most) + unions
        elif name == COMMA:
            levels[-1][:2] = [0, max(levels[-1][:2])]
        elif name in SET_OPERATIONS:
            levels[-1][2] += 1
        elif name not in FLAT:
            levels[-1][0] += 1
    return sum(max(run, most) + unions for run, most, unions in levels)


def _split(text: str, pieces: list[_Piece]) -> list[str]:
    try:
        return list(postgast.split(text))
    except postgast.PgQueryError as wrong:
        before = [piece for piece in pieces if piece.first_byte < wrong.cursorpos]
        number = max(len(before), 1)
        words = pieces[number - 1].words
        if words.startswith("\\"):
            what = "commands that begin with a backslash are psql's own"
            raise NotAdmissible(what, "write it in SQL", number=number, words=words) from None
        what = f"PostgreSQL's parser does not understand it: {wrong.message}"
        raise NotAdmissible(what, "correct it", number=number, words=words) from None


def _tree(text: str, number: int) -> Any:
    """Return the tree of one statement; two of them where one was announced are refused."""
    try:
        found = postgast.parse(text).stmts
    except DecodeError:
        raise _too_deep(number, _shown(text)) from None
    except postgast.PgQueryError as wrong:
        raise NotAdmissible(wrong.message, "correct it", number=number, words=_shown(text)) from None
    if len(found) != 1:
        what = f"{len(found)} statements stand where one is expected"
        raise NotAdmissible(what, "separate statements by semicolons", number=number, words=_shown(text))
    return found[0].stmt


def _admitted(text: str, tree: Any, number: int) -> Statement:
    kind = str(tree.WhichOneof("node"))
    words = _shown(text)
    if kind not in ALLOWED:
        reason = _reason(kind, tree)
        raise NotAdmissible(reason.what, reason.instead, number=number, words=words)
    for name, node in _nodes(tree):
        reason_inside = _reason_inside(name, node)
        if reason_inside is not None:
            raise NotAdmissible(reason_inside.what, reason_inside.instead, number=number, words=words)
    return Statement(number=number, text=text, command=ALLOWED[kind], digest=digest_of_bytes(text.encode()))


def _reason(kind: str, tree: Any) -> Reason:
    if kind == "copy_stmt":
        copy = tree.copy_stmt
        if copy.is_program:
            return REFUSED["copy_program"]
        return REFUSED["copy_file" if copy.filename else "copy_stmt"]
    return REFUSED.get(kind, ELSEWHERE)


def _reason_inside(name: str, node: Any) -> Reason | None:
    if name == "ParamRef":
        return Reason("it has a parameter ($1), and nobody gives it a value", "write the value")
    if name == "IntoClause":
        return Reason("SELECT INTO creates a table", "use INSERT INTO … SELECT, into a table that is there")
    if name == "FuncCall":
        called = str(node.funcname[-1].string.sval)
        for forbidden, why in FORBIDDEN_FUNCTIONS.items():
            if called == forbidden:
                return Reason(f"it calls {called}, which {why}", "leave it out")
        for prefix, why in FORBIDDEN_PREFIXES.items():
            if called.startswith(prefix):
                return Reason(f"it calls {called}, which {why}", "leave it out")
    return None


def _nodes(tree: Any) -> Iterator[tuple[str, Any]]:
    for _, node in postgast.walk(tree):
        yield node.DESCRIPTOR.name, node


def _too_deep(number: int, words: str) -> NotAdmissible:
    instead = "write it flatter, or in several statements (VALUES, IN and JOIN instead of long chains)"
    return NotAdmissible("it is nested too deeply to be judged", instead, number=number, words=words)


def _shown(text: str) -> str:
    """Return the first words in one line."""
    words = " ".join(text.split()[:FIRST_WORDS])
    return words if len(words) <= SHOWN_CHARACTERS_MAX else f"{words[: SHOWN_CHARACTERS_MAX - 1]}…"
