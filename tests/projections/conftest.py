"""A read model of the story, in a database that the tests of this directory's questions share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from interlock.ledger.embedded import Dsns
from tests.fixtures.postgres import PostgresServer
from tests.projections.answers import Writer, read_models
from tests.projections.story import story
from tests.projections.tape import Tape


@pytest.fixture(scope="module")
def read_model_dsns(postgres_server: PostgresServer) -> Iterator[Dsns]:
    with postgres_server.database() as fresh:
        yield fresh


@pytest.fixture(scope="session")
def tape() -> Tape:
    return story()


@pytest_asyncio.fixture
async def told(read_model_dsns: Dsns, tape: Tape) -> AsyncIterator[Writer]:
    """The story in the project `shop`; where another test wrote it already, nothing is written again."""
    async with read_models(read_model_dsns.app) as writer:
        await writer.write("shop", [tape.events])
        yield writer
