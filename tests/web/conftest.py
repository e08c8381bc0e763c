"""A server that people really sign in to, for the tests of one file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fixtures.postgres import PostgresServer
from tests.web.signed import SignedServer, Visitor, signed_server


@pytest.fixture(scope="module")
def server(
    postgres_server: PostgresServer, thursday_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SignedServer]:
    with signed_server(postgres_server, thursday_template, tmp_path_factory.mktemp("signed")) as made:
        yield made


@pytest.fixture
def qa(server: SignedServer) -> Visitor:
    return server.visitor("qa-1")
