"""Which scripts may adjust data: judged by PostgreSQL's own parser, whatever disguise a statement wears."""
# Long: one table of disguises, and the few tests that judge them.

from __future__ import annotations

import subprocess
import sys

import postgast
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.domain.scripts import (
    NESTING_SIGNS_MAX,
    SCRIPT_BYTES_MAX,
    STATEMENTS_MAX,
    NotAdmissible,
    admit_queries,
    admit_script,
)

UPDATE = "update trades.fills set price = 1 where id = 7"

ADMITTED = {
    UPDATE: ["UPDATE"],
    f"{UPDATE};": ["UPDATE"],
    f";;{UPDATE};;\n--end": ["UPDATE"],
    f"{UPDATE};\n\n/* a /* nested */ ; commit; */ delete from t -- ; commit\n where true": ["UPDATE", "DELETE"],
    "insert into t values ('; commit; --'), ($$; commit; $$), ($x$ $$ ; commit $x$)": ["INSERT"],
    "insert into t values (E'\\'; commit; --'), (U&'\\0063ommit;'), (B'1'), (X'ff')": ["INSERT"],
    "insert into t values ('\\'); update t set a = '; commit'": ["INSERT", "UPDATE"],
    'update "t;commit" set "begin" = 1': ["UPDATE"],
    "update t set a = 'it''s; rollback'": ["UPDATE"],
    "insert into t values ('a'\n'; commit')": ["INSERT"],
    "merge into t using s on t.a = s.a when matched then delete when not matched then insert values (1)": ["MERGE"],
    "with gone as (delete from t returning *) insert into u select * from gone": ["INSERT"],
    "select trades.recount(7)": ["SELECT"],
    "select * from t for update": ["SELECT"],
    "values (1)": ["SELECT"],
    "table t": ["SELECT"],
    "set constraints all deferred; update t set a = 1": ["SET CONSTRAINTS", "UPDATE"],
    "insert into t (a) values (1) on conflict (a) do update set a = excluded.a returning a": ["INSERT"],
    "update té set größe = 'commit;' where 名 = '；'": ["UPDATE"],
    "delete from t where a ->> 'k' ? 'x' and b @> '{1}' and c !~* ';'": ["DELETE"],
    # A Greek question mark looks like a semicolon, and is part of a name.
    "select a\u037e commit": ["SELECT"],
    "insert into t select nextval('s'), 'set_config', commit from u": ["INSERT"],
}

REFUSED = {
    "": (0, "empty"),
    " \n\t": (0, "empty"),
    ";;": (0, "empty"),
    "-- nothing\n/* here */": (0, "empty"),
    f"{UPDATE}; commit": (2, "Interlock opens the one transaction"),
    f"{UPDATE};COMMIT AND CHAIN": (2, "Interlock opens the one transaction"),
    "select 1; /* c */ commit /* d */": (2, "Interlock opens the one transaction"),
    "begin": (1, "Interlock opens"),
    "start transaction isolation level serializable": (1, "Interlock opens"),
    "end": (1, "Interlock opens"),
    "abort": (1, "Interlock opens"),
    "rollback": (1, "Interlock opens"),
    "savepoint a": (1, "Interlock opens"),
    "release a": (1, "Interlock opens"),
    "prepare transaction 'x'": (1, "Interlock opens"),
    "commit prepared 'x'": (1, "Interlock opens"),
    "copy t from program 'curl x'": (1, "runs a program"),
    "copy (select 1) to program 'sh'": (1, "runs a program"),
    "copy t from '/etc/passwd'": (1, "a file of the server"),
    "copy t to '/tmp/x'": (1, "a file of the server"),
    "copy t from stdin": (1, "a stream"),
    "truncate t": (1, "no old row"),
    "lock t": (1, "locked the tables"),
    "do $$ begin execute 'commit'; end $$": (1, "cannot be read here"),
    "call p()": (1, "cannot be read here"),
    "set role postgres": (1, "session's settings"),
    "set session authorization x": (1, "session's settings"),
    "set local statement_timeout = 0": (1, "session's settings"),
    "set transaction isolation level read committed": (1, "session's settings"),
    "reset all": (1, "session's settings"),
    "discard all": (1, "session's settings"),
    "show all": (1, "session's settings"),
    "load 'x'": (1, "session's settings"),
    "listen x": (1, "other sessions"),
    "unlisten *": (1, "other sessions"),
    "notify x": (1, "other sessions"),
    "vacuum t": (1, "inside a transaction"),
    "analyze t": (1, "inside a transaction"),
    "cluster t": (1, "inside a transaction"),
    "reindex table t": (1, "inside a transaction"),
    "checkpoint": (1, "inside a transaction"),
    "create database x": (1, "inside a transaction"),
    "drop database x": (1, "inside a transaction"),
    "alter system set x = 1": (1, "inside a transaction"),
    "create index concurrently on t (a)": (1, "changes the schema"),
    "create table t ()": (1, "changes the schema"),
    "create table t as select 1": (1, "changes the schema"),
    "alter table t add a int": (1, "changes the schema"),
    "drop table t": (1, "changes the schema"),
    "grant all on t to x": (1, "changes the schema"),
    "create role x": (1, "changes the schema"),
    "create function f() returns int language sql as 'select 1'": (1, "changes the schema"),
    "comment on table t is ''": (1, "changes the schema"),
    "select * into u from t": (1, "creates a table"),
    "with x as (select 1) select * into u from x": (1, "creates a table"),
    "prepare x as select 1": (1, "indirectly"),
    "execute x": (1, "indirectly"),
    "deallocate x": (1, "indirectly"),
    "declare c cursor for select 1": (1, "indirectly"),
    "fetch all in c": (1, "indirectly"),
    "close c": (1, "indirectly"),
    "explain analyze delete from t": (1, "EXPLAIN"),
    "refresh materialized view v": (1, "no row tells"),
    "select set_config('role', 'x', true)": (1, "set_config"),
    "select pg_catalog.SET_CONFIG('role', 'x', true)": (1, "set_config"),
    "select \"set_config\"('role', 'x', true)": (1, "set_config"),
    "select U&\"set\\005fconfig\"('role', 'x', true)": (1, "set_config"),
    "update t set a = dblink('...', 'commit')": (1, "dblink"),
    "insert into t select * from dblink_exec('commit') as x(a text)": (1, "dblink_exec"),
    "with x as (select lo_import('/etc/passwd')) select * from x": (1, "lo_import"),
    "select pg_advisory_lock(1)": (1, "pg_advisory_lock"),
    "select setval('s', 1)": (1, "setval"),
    "select pg_terminate_backend(1)": (1, "pg_terminate_backend"),
    "select pg_cancel_backend(1)": (1, "pg_cancel_backend"),
    "select pg_notify('x', 'y')": (1, "pg_notify"),
    "select pg_reload_conf()": (1, "pg_reload_conf"),
    "select pg_rotate_logfile()": (1, "pg_rotate_logfile"),
    "select pg_promote()": (1, "pg_promote"),
    "select pg_switch_wal()": (1, "pg_switch_wal"),
    "select pg_create_restore_point('x')": (1, "pg_create_restore_point"),
    "select pg_export_snapshot()": (1, "pg_export_snapshot"),
    "select loread(1, 1)": (1, "loread"),
    "select lowrite(1, 'x')": (1, "lowrite"),
    "select pg_try_advisory_lock(1)": (1, "pg_try_advisory_lock"),
    "select pg_logical_emit_message(false, 'x', 'y')": (1, "pg_logical_emit_message"),
    "select pg_read_file('x')": (1, "pg_read_file"),
    "select pg_ls_dir('x')": (1, "pg_ls_dir"),
    "select pg_stat_reset()": (1, "pg_stat_reset"),
    "select pg_replication_origin_create('x')": (1, "pg_replication_origin_create"),
    "update t set a = $1": (1, "parameter"),
    f"{UPDATE};\n\\copy t from x": (2, "psql's own"),
    "\\set x 1\nselect :x": (1, "psql's own"),
    "\\! rm -rf /": (1, "psql's own"),
    "update t set a = :x": (1, "does not understand"),
    f"{UPDATE}; updaet t set a = 1; select 1": (2, "does not understand"),
    "select 1 select 2": (1, "does not understand"),
    "update t set a = 'unterminated": (0, "cannot be read"),
    "update t set a = 1 /* unterminated": (0, "cannot be read"),
    'update "t set a = 1': (0, "cannot be read"),
    "update t set a = $$1": (0, "cannot be read"),
    "select 1\0; commit": (0, "NUL"),
    "\ufeffselect 1": (0, "byte order mark"),
    "ｓelect 1": (1, "does not understand"),
}


@pytest.mark.parametrize("script", ADMITTED)
def test_data_statements_are_admitted_one_by_one(script: str) -> None:
    statements = admit_script(script.encode())
    assert [each.command for each in statements] == ADMITTED[script]
    assert [each.number for each in statements] == list(range(1, len(statements) + 1))
    # Each is exactly one again, and nothing was lost between them but separators and comments around them.
    for each in statements:
        assert [again.text for again in admit_script(each.text.encode())] == [each.text]
        assert each.text in script


@pytest.mark.parametrize("script", REFUSED)
def test_anything_else_is_refused_with_its_place_and_what_helps(script: str) -> None:
    number, what = REFUSED[script]
    with pytest.raises(NotAdmissible) as refusal:
        admit_script(script.encode())
    assert refusal.value.number == number
    assert what in refusal.value.what
    assert refusal.value.instead
    assert (refusal.value.words != "") == (number > 0)


def test_a_refusal_names_the_statement_by_its_first_words() -> None:
    with pytest.raises(NotAdmissible) as refusal:
        admit_script(f"{UPDATE};\n  /* harmless */ vacuum\n full   trades.fills".encode())
    assert str(refusal.value).startswith("statement 2 (vacuum full trades.fills): it cannot run inside a transaction")


def test_a_long_name_is_cut_where_a_refusal_shows_it() -> None:
    with pytest.raises(NotAdmissible) as refusal:
        admit_script(f"vacuum {'x' * 200}".encode())
    assert (len(refusal.value.words), refusal.value.words[-1]) == (60, "…")


def test_an_error_that_has_no_place_is_the_first_statements(monkeypatch: pytest.MonkeyPatch) -> None:
    def split(text: str) -> list[str]:
        raise postgast.PgQueryError(f"cannot split {len(text)} characters", cursorpos=0)

    monkeypatch.setattr(postgast, "split", split)
    with pytest.raises(NotAdmissible) as refusal:
        admit_script(f"  {UPDATE}; {UPDATE}".encode())
    assert (refusal.value.number, refusal.value.words) == (1, "update trades.fills")


@pytest.mark.parametrize("text", [f"{UPDATE}; commit", "updaet t"])
def test_a_piece_that_is_not_exactly_one_statement_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    # Whatever the parser makes of the whole, each piece of it is read once more, alone.
    monkeypatch.setattr(postgast, "split", lambda _text: [text])
    with pytest.raises(NotAdmissible) as refusal:
        admit_script(UPDATE.encode())
    assert refusal.value.number == 1


def test_what_is_too_large_is_refused() -> None:
    with pytest.raises(NotAdmissible, match="bytes"):
        admit_script(b"select 1" + b" " * SCRIPT_BYTES_MAX)
    with pytest.raises(NotAdmissible, match="statements"):
        admit_script(b"select 1;" * (STATEMENTS_MAX + 1))
    assert len(admit_script(b"select 1;" * STATEMENTS_MAX)) == STATEMENTS_MAX
    with pytest.raises(NotAdmissible, match="UTF-8"):
        admit_script(b"select '\xff'")


DEEP = {
    "operators": "select 1" + "+1" * 100_000,
    "concatenations": "select " + "||".join(["a"] * 80_000),
    "casts": "select 1" + "::int" * 50_000,
    "unions": " union ".join(["select 1,2"] * 15_000),
    "joins": "select * from a" + " cross join a" * 15_000,
    "tests": "select 1" + " is null" * 30_000,
    "brackets": "select " + "(" * 100_000 + "1" + ")" * 100_000,
    "arrays": "select " + "array[" * 40_000 + "1" + "]" * 40_000,
    "calls": "select " + "f(" * 80_000 + "1" + ")" * 80_000,
    "cases": "select " + "case when true then " * 10_000 + "1" + " end" * 10_000,
    "a thousand in brackets of a thousand": "select " + "(1" + "+1" * 1_000 + ",f" * 1 + "(" * 90 + "1" + ")" * 91,
    "chains between commas": "select " + "f(a+" * 40_000 + "1" + ",b)" * 40_000,
}


@pytest.mark.parametrize("kind", DEEP)
def test_no_depth_overflows_the_parsers_stack(kind: str) -> None:
    # In a process of its own, with a small stack, so that an overflow is a failed test and not the end of all tests.
    code = (
        "import sys, threading\n"
        "from interlock.domain.scripts import admit_script, NotAdmissible\n"
        "def look():\n"
        "    try: admit_script(sys.stdin.buffer.read()); print('admitted')\n"
        "    except NotAdmissible as refusal: print('refused', refusal.what)\n"
        "threading.stack_size(1024 * 1024); t = threading.Thread(target=look); t.start(); t.join()\n"
    )
    script = DEEP[kind].encode()[:SCRIPT_BYTES_MAX]
    done = subprocess.run([sys.executable, "-c", code], input=script, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"refused")


def test_long_and_flat_is_not_deep() -> None:
    rows = ", ".join(f"({n}, 'x', null, -1, now() + interval '1 day')" for n in range(5_000))
    assert len(admit_script(f"insert into t values {rows}".encode())) == 1
    names = ", ".join(str(n) for n in range(20_000))
    assert len(admit_script(f"delete from t where id in ({names})".encode())) == 1
    cases = " ".join(f"when {n} then {n + 1}" for n in range(500))
    assert NESTING_SIGNS_MAX > 1_001
    assert len(admit_script(f"update t set a = case a {cases} end".encode())) == 1


@pytest.mark.parametrize(
    "query", ["select true", "select count(*) = 3 from t; select not exists (select from u)", "values (true)"]
)
def test_queries_that_look_are_admitted(query: str) -> None:
    assert {each.command for each in admit_queries(query.encode())} == {"SELECT"}


@pytest.mark.parametrize(
    "query, number, what",
    [
        ("", 0, "empty"),
        ("select true; update t set a = 1", 2, "looks and changes nothing"),
        ("set constraints all immediate", 1, "looks and changes nothing"),
        ("with x as (update t set a = 1 returning a) select true from x", 1, "changes data"),
        ("with x as (insert into t values (1) returning a) select true from x", 1, "changes data"),
        ("with x as (delete from t returning a) select true from x", 1, "changes data"),
        ("with x as (merge into t using s on t.a = s.a when matched then delete returning 1) select true from x", 1,
         "changes data"),
        ("select exists (select 1 from t for update)", 1, "locks rows"),
        ("select true from t for key share", 1, "locks rows"),
        ("select set_config('x', 'y', true) is null", 1, "set_config"),
        ("select true; commit", 2, "Interlock opens"),
    ],
)  # fmt: skip
def test_queries_that_change_or_lock_are_refused(query: str, number: int, what: str) -> None:
    with pytest.raises(NotAdmissible) as refusal:
        admit_queries(query.encode())
    assert (refusal.value.number, what in refusal.value.what) == (number, True)


PIECES = st.sampled_from([
    UPDATE, ";", "commit", "'", "''", "\\", "$$", "$a$", "--", "\n", "/*", "*/", '"', "E'", "(", ")", "select 1", " ",
    "\0", "é", "1", "||", "begin", "with x as", ":x", "$1", "U&'", "\u2028",
])  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=14).map("".join))
def test_whatever_is_written_it_is_admitted_whole_or_refused_by_name(text: str) -> None:
    try:
        statements = admit_script(text.encode())
    except NotAdmissible:
        return
    for each in statements:
        [again] = admit_script(each.text.encode())
        assert (again.text, again.command) == (each.text, each.command)
