"""A project with its team, in a database that all tests of webhooks share; each has an endpoint of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fixtures.postgres import PostgresServer, elsewhere


@pytest.fixture(scope="module")
def told_dsn(postgres_server: PostgresServer, team_template: str) -> Iterator[str]:
    """The application's address of the database."""
    name = "told_outside"
    elsewhere(postgres_server._copy(name, team_template))
    yield postgres_server.embedded.dsns(name).app
    elsewhere(postgres_server._drop(name))
