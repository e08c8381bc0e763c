"""Writes around Interlock are found in PostgreSQL's own log, told once, and open a problem."""
# Long: one reader of one server's log, case by case.

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from interlock.client import ServerAway
from interlock.runners.connections import Connection
from interlock.runners.writes import NoLog, blind_spots, look
from interlock.runners.writes.lines import changes_in
from interlock.runners.writes.watching import SETTLE_SECONDS
from tests.fixtures.postgres import elsewhere, roomy_memory
from tests.fixtures.server import Served, token_of
from tests.runners.shop import Project, Shop, ShopServer

LATER = timedelta(minutes=1)
HANGS_SECONDS = 60.0
LOGGING = {
    "logging_collector": "on",
    "log_destination": "jsonlog",
    "log_statement": "mod",
    "log_filename": "shop.log",
    "log_file_mode": "0644",
}


@pytest.fixture(scope="module")
def logging_server() -> Iterator[ShopServer]:
    """A server that writes what changes data into its log."""
    home = Path(tempfile.mkdtemp(prefix="logging-", dir=roomy_memory()))
    server = ShopServer(home)
    try:
        server.make_template()
        for name, value in LOGGING.items():
            elsewhere(server._sql("postgres", f"alter system set {name} = '{value}'"))
        server.embedded.stop()
        server.start()
        elsewhere(
            server._sql(
                "shop_template",
                "create role shop_app login; create role eve login superuser; create role fred login;"
                " grant usage on schema trades to shop_app, fred; grant all on all tables in schema trades to shop_app",
            )
        )
        yield server
    finally:
        server.embedded.stop()
        shutil.rmtree(home, ignore_errors=True)


class Told:
    """Interlock, as far as the watch needs it: remembers what it was told, by key."""

    project = "demo"
    server_now = None

    def __init__(self) -> None:
        self.facts: dict[str, str] = {}
        self.away = False

    def command(self, name: str, fields: Any, *, idempotency_key: Any = None) -> dict[str, Any]:
        assert (name, fields["kind"], fields["environment"]) == ("ObserveFact", "adjustment", "production")
        if self.away:
            raise ServerAway("http://nowhere", "away", 1, 0.0)
        known = self.facts.setdefault(str(idempotency_key), fields["description"])
        assert known == fields["description"]
        return {"events": [], "position": 1}

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        raise AssertionError(path)


@pytest.fixture
def place(logging_server: ShopServer, tmp_path: Path) -> Iterator[tuple[str, Connection, Path]]:
    """A database, how it is watched, and where the watch remembers; what was logged before is behind it."""
    name = logging_server.copy(f"watched_{tmp_path.name.replace('-', '_')[:40]}")
    log = logging_server.data / "log"
    connection = Connection("production", logging_server.dsn(name), log=log, writers=("shop_app",))
    state = tmp_path / "state" / "writes.json"
    look(Told(), connection, name, state, datetime.now(UTC) + LATER)
    yield name, connection, state
    logging_server.drop(name)


def run(server: ShopServer, role: str, database: str, *statements: str) -> None:
    async def give() -> None:
        async with server.session(role, database) as session:
            for statement in statements:
                try:
                    await session.fetch(statement)
                except asyncpg.PostgresError:
                    continue

    elsewhere(give())


def written_out(server: ShopServer, log: Path) -> None:
    """Wait until all that happened before is in the log, which a process of its own writes, in order."""
    mark = f"until here {uuid4()}"
    run(server, "postgres", "postgres", f"do $$ begin raise log '{mark}'; end $$")
    deadline = monotonic() + HANGS_SECONDS
    while not any(mark in file.read_text(encoding="utf-8", errors="replace") for file in log.glob("*.json")):
        assert monotonic() < deadline, "the log's collector does not write"
        sleep(0.02)


def seen(server: ShopServer, place: tuple[str, Connection, Path], told: Told) -> list[tuple[str, tuple[str, ...]]]:
    name, connection, state = place
    assert connection.log is not None
    written_out(server, connection.log)
    found = look(told, connection, name, state, datetime.now(UTC) + LATER)
    return [(each.user, tuple(each.commands)) for each in found.sessions]


def test_a_write_of_somebody_else_is_told_once(logging_server: ShopServer, place: Any) -> None:
    name, told = place[0], Told()
    run(logging_server, "eve", name, "select * from trades.fills", "update trades.fills set price = 7 where id = 1")
    run(logging_server, "eve", name, "begin", "delete from trades.notes", "insert into trades.notes values ('secret')")
    assert seen(logging_server, place, told) == [("eve", ("UPDATE",)), ("eve", ("DELETE", "INSERT"))]
    assert seen(logging_server, place, told) == []
    assert len(told.facts) == 2
    first, second = told.facts.values()
    assert first.startswith("eve wrote around Interlock: a statement (UPDATE) at ")
    assert "secret" not in second


def test_the_applications_and_the_runners_writes_are_their_work(logging_server: ShopServer, place: Any) -> None:
    name, told = place[0], Told()
    for role in ("shop_app", "interlock_adjust"):
        run(logging_server, role, name, "update trades.fills set price = 8 where id = 1")
    run(logging_server, "eve", "shop_template", "update trades.fills set price = 8 where false")
    assert seen(logging_server, place, told) == []


def test_what_postgresql_refused_was_not_written(logging_server: ShopServer, place: Any) -> None:
    name, told = place[0], Told()
    run(logging_server, "fred", name, "update trades.fills set price = 9", "delete from trades.none")
    run(logging_server, "eve", name, "update trades.fills set nothing = 9", "truncate trades.notes")
    assert seen(logging_server, place, told) == [("eve", ("TRUNCATE",))]


def test_a_look_that_was_cut_short_tells_the_same_again(logging_server: ShopServer, place: Any) -> None:
    name, told = place[0], Told()
    run(logging_server, "eve", name, "update trades.fills set price = 1 where id = 1")
    told.away = True
    with pytest.raises(ServerAway):
        seen(logging_server, place, told)
    # More is written before the next look: it is another fact, and the first one stays what it was.
    run(logging_server, "eve", name, "delete from trades.notes")
    told.away = False
    assert seen(logging_server, place, told) == [("eve", ("UPDATE",))]
    assert seen(logging_server, place, told) == [("eve", ("DELETE",))]
    assert len(told.facts) == 2


def test_a_statement_is_told_when_it_had_time_to_fail(logging_server: ShopServer, place: Any) -> None:
    name, connection, state = place
    # Rounded down, as PostgreSQL writes a time: no statement that comes now is older.
    began = datetime.now(UTC).replace(microsecond=0)
    run(logging_server, "eve", name, "update trades.fills set price = 1 where id = 1")
    assert connection.log is not None
    written_out(logging_server, connection.log)
    last = began + timedelta(seconds=SETTLE_SECONDS) - timedelta(milliseconds=1)
    assert look(Told(), connection, name, state, last).sessions == ()
    assert len(look(Told(), connection, name, state, datetime.now(UTC) + LATER).sessions) == 1


def test_a_log_begun_anew_is_read_from_its_start(logging_server: ShopServer, place: Any, tmp_path: Path) -> None:
    name, connection, state = place
    run(logging_server, "eve", name, "update trades.fills set price = 1 where id = 1")
    seen(logging_server, place, Told())
    [file] = sorted(connection.log.glob("*.json"))
    copied = tmp_path / "copied"
    copied.mkdir()
    shutil.copy(file, copied / file.name)
    other = Connection("production", connection.dsn, log=copied, writers=("shop_app",))
    found = look(Told(), other, name, state, datetime.now(UTC) + LATER)
    assert [each.user for each in found.sessions] == ["eve"]


AT = datetime(2026, 11, 26, 12, tzinfo=UTC)


def logged(number: int, text: str, *, at: datetime = AT, severity: str = "LOG", session: str = "s-1") -> str:
    """One line as PostgreSQL writes it."""
    return json.dumps(
        {
            "timestamp": f"{at:%Y-%m-%d %H:%M:%S}.000 UTC", "user": "eve", "dbname": "shop", "session_id": session,
            "line_num": number, "error_severity": severity, "message": text,
        }
    ) + "\n"  # fmt: skip


class Logs:
    """A directory of logs that is written by hand, and a watch of it."""

    def __init__(self, home: Path) -> None:
        self.log, self.state = home / "log", home / "state" / "writes.json"
        self.log.mkdir()
        self.told = Told()

    def write(self, *lines: str, name: str = "a.json") -> None:
        with (self.log / name).open("a") as file:
            file.writelines(lines)

    def seen(self, now: datetime = AT + LATER) -> list[tuple[str, ...]]:
        connection = Connection("production", "unused", log=self.log)
        return [tuple(each.commands) for each in look(self.told, connection, "shop", self.state, now).sessions]


@pytest.fixture
def logs(tmp_path: Path) -> Logs:
    return Logs(tmp_path)


def test_a_line_that_is_not_written_to_its_end_is_read_when_it_is(logs: Logs) -> None:
    logs.write(logged(1, "statement: delete from t").removesuffix("\n"))
    assert logs.seen() == []
    logs.write("\n")
    assert logs.seen() == [("DELETE",)]


def test_a_file_that_came_while_others_were_told_is_told_after_them(logs: Logs) -> None:
    logs.write(logged(1, "statement: delete from t"))
    logs.told.away = True
    with pytest.raises(ServerAway):
        logs.seen()
    logs.write(logged(1, "statement: truncate t", session="s-2"), name="b.json")
    logs.told.away = False
    assert logs.seen() == [("DELETE",)]
    assert logs.seen() == [("TRUNCATE",)]
    assert logs.seen() == []


def test_a_failure_that_was_logged_a_moment_later_counts(logs: Logs) -> None:
    logs.write(
        logged(1, "statement: delete from t"),
        logged(2, "permission denied", at=AT + timedelta(seconds=6), severity="ERROR"),
    )
    assert logs.seen(AT + timedelta(seconds=8)) == []


def test_what_a_session_writes_later_is_another_fact_and_a_long_list_is_cut(logs: Logs) -> None:
    texts = (
        "insert into t values (1)",
        "update t set a = 1",
        "delete from t",
        "truncate t",
        "drop table t",
        "call p()",
    )
    logs.write(*(logged(number, f"statement: {text}") for number, text in enumerate(texts, start=1)))
    assert len(logs.seen()) == 1
    logs.write(logged(7, "statement: delete from t"))
    assert logs.seen() == [("DELETE",)]
    first, second = logs.told.facts.values()
    assert "6 statements (INSERT, UPDATE, DELETE, TRUNCATE, DROP) at " in first
    assert "lines 7 to 7" in second


@pytest.mark.parametrize("raw", ["no json", "[1]", "5", "{}", '{"message": 5}', logged(1, "x").replace("UTC", "?")])
def test_what_is_no_line_of_a_session_is_passed_over(logs: Logs, raw: str) -> None:
    logs.write(f"{raw.strip()}\n", logged(2, "statement: delete from t"))
    assert logs.seen() == [("DELETE",)]


def test_what_somebody_lets_the_server_say_is_no_statement(logs: Logs) -> None:
    logs.write(logged(1, "statement: delete from t", severity="WARNING"))
    assert logs.seen() == []


def test_without_a_log_it_says_so(place: Any, tmp_path: Path) -> None:
    name, connection, state = place
    for log in (None, tmp_path / "missing"):
        with pytest.raises(NoLog):
            look(Told(), Connection("production", connection.dsn, log=log), name, state, datetime.now(UTC))


async def test_settings_that_hide_writes_are_named(logging_server: ShopServer, shop: Shop, place: Any) -> None:
    async with logging_server.session("interlock_adjust", place[0]) as session:
        assert await blind_spots(session) == []
        await logging_server._sql("postgres", "alter role eve set log_statement = 'none'")
        assert await blind_spots(session) == ["role eve has a setting of its own that hides its statements"]
        await logging_server._sql("postgres", "alter role eve reset log_statement")
    async with shop.server.session("interlock_adjust", shop.production) as session:
        assert len(await blind_spots(session)) == 3


def dt(interlock: Served, home: Path, settings: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Call `dt` on a machine whose interlock.toml says where production's database is."""
    config = home / "interlock.toml"
    config.write_text(f'project = "{interlock.project}"\n[environments.production]\n{settings}', encoding="utf-8")
    assert interlock.now is not None
    environ = {
        "INTERLOCK_CONFIG": str(config),
        "INTERLOCK_URL": interlock.url,
        "INTERLOCK_TOKEN": token_of("ci-1"),
        "INTERLOCK_NOW": interlock.now.isoformat(),
        "INTERLOCK_HOME": str(home),
        "PATH": "",
    }
    command = [str(Path(sys.executable).with_name("dt")), *words]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, cwd=home)


def settings_of(connection: Connection, **others: str) -> str:
    """What interlock.toml says of it."""
    log = f'log = "{connection.log}"\n' if connection.log is not None else ""
    return f'dsn = "{others.get("dsn", connection.dsn)}"\n{log}writers = ["shop_app"]\n'


def database_lines(interlock: Served, home: Path, settings: str) -> list[tuple[str, str]]:
    """What the doctor says of it, and that its own end agrees."""
    done = dt(interlock, home, settings, "doctor", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == int(not found["healthy"])
    lines = [(each["state"], each["detail"]) for each in found["checks"] if each["check"] == "database"]
    assert not found["healthy"] or "red" not in {state for state, _ in lines}
    return lines


def test_the_doctor_names_who_may_write_around_interlock(
    logging_server: ShopServer, place: Any, interlock: Served, tmp_path: Path
) -> None:
    name, connection, _ = place
    [(state, detail)] = database_lines(interlock, tmp_path, settings_of(connection))
    assert state == "green"
    assert detail == "only the application and the runner may write in production; superusers: eve, postgres"
    elsewhere(logging_server._sql(name, "grant delete on trades.fills, trades.notes to fred"))
    lines = database_lines(interlock, tmp_path, settings_of(connection))
    assert lines == [("red", "fred may write trades.fills, trades.notes in production, around Interlock")]
    told = dt(interlock, tmp_path, settings_of(connection), "doctor")
    assert "revoke insert, update, delete, truncate on trades.fills, trades.notes from fred" in told.stderr


def test_the_doctor_names_writes_that_nobody_would_see(shop: Shop, interlock: Served, tmp_path: Path) -> None:
    # Nobody watches from a machine without the log: there it is worth knowing, and nothing to mend.
    for log, state in ((None, "grey"), (tmp_path, "red")):
        connection = replace(shop.connection(), log=log)
        who, *spots = database_lines(interlock, tmp_path, settings_of(connection))
        assert who[0] == "green"
        assert [each for each, _ in spots] == [state] * 3
        assert "log_statement is none: set it to mod" in spots[1][1] + spots[2][1]


def test_the_doctor_says_where_the_database_could_not_be_asked(shop: Shop, interlock: Served, tmp_path: Path) -> None:
    connection = shop.connection()
    for dsn, why in (("postgresql:///nowhere?host=/nowhere", "cannot be reached"), ("env:MISSING", "no variable")):
        [(state, detail)] = database_lines(interlock, tmp_path, settings_of(connection, dsn=dsn))
        assert state == "red"
        assert why in detail
    superuser = shop.connection(role="postgres")
    [(state, detail)] = database_lines(interlock, tmp_path, settings_of(superuser))
    assert (state, "superuser" in detail) == ("red", True)


def test_a_problem_opens_in_production(
    logging_server: ShopServer, place: Any, project: Project, interlock: Served, tmp_path: Path
) -> None:
    name, connection, state = place
    run(logging_server, "eve", name, "update trades.fills set price = 2 where id = 1")
    watch = ("writes", "watch", "production", "--once", "--state", str(state))

    def watched() -> subprocess.CompletedProcess[str]:
        return dt(interlock, tmp_path, settings_of(connection), *watch)

    # It is told once it had time to fail; the test's deadline bounds this.
    found = ""
    while not found:
        done = watched()
        assert done.returncode == 0, done.stderr
        found += done.stdout
    assert "FactObserved" in found
    assert "EnvironmentUnsure" in found
    problems = interlock["anton"].get("/problems", environment="production")["problems"]
    assert [each["title"].split(":")[0] for each in problems] == ["eve wrote around Interlock"]
    assert "nobody but the application and the runner" in watched().stderr
    close(interlock)


def close(interlock: Served) -> None:
    """Other tests share the server: say again what is in production, by two."""
    for problem in interlock["anton"].get("/problems", environment="production")["problems"]:
        interlock["rm-1"].command("DismissProblem", {"problem": problem["problem"], "reason": "a test's"})
    fields = {"environment": "production", "state": "empty", "reason": "a test's"}
    interlock.by_two("StateContent", fields, asks="rm-1", confirms="qa-1")


@pytest.mark.parametrize(
    "text, commands",
    [
        ("select 1", ()),
        ("update t set a = 1; delete from t", ("UPDATE", "DELETE")),
        ("with x as (delete from t returning a) select * from x", ("DELETE",)),
        ("explain analyze insert into t values (1)", ("INSERT",)),
        ("copy t from stdin", ("COPY",)),
        ("copy t to stdout", ()),
        ("do $$ begin end $$", ("DO",)),
        ("call p()", ("CALL",)),
        ("drop table t", ("DROP",)),
        ("begin", ()),
        ("set x = 1", ()),
        ("create index on t (a)", ()),
        ("no sql at all", ("NO",)),
        ("select no sql ( at all", ()),
        (f"update t set a = '{'x' * 5_000}'", ("UPDATE",)),
        (f"with x as (select '{'x' * 5_000}') update t set a = 1", ("WITH",)),
        (f"delete from t where a = 1{'+1' * 1_900}", ("DELETE",)),
        ("", ()),
    ],
)  # fmt: skip
def test_what_changes_data_is_told_from_what_looks(text: str, commands: tuple[str, ...]) -> None:
    assert changes_in(text) == commands
