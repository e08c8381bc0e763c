"""A server that the tests of this directory may kill, freeze and damage."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import count

import pytest
import pytest_asyncio

from interlock.ledger.embedded import Dsns, EmbeddedPostgres
from tests.fixtures.postgres import roomy_memory, started_postgres

_names = count(1)


@pytest.fixture(scope="module")
def mortal() -> Iterator[EmbeddedPostgres]:
    """A server for one module, which kills it."""
    with started_postgres(roomy_memory()) as server:
        yield server


@pytest_asyncio.fixture
async def mortal_dsns(mortal: EmbeddedPostgres) -> AsyncIterator[Dsns]:
    """A fresh ledger on that server."""
    yield await mortal.prepare(f"fire_{next(_names)}")
