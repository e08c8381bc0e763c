"""A clerk at a desk with the tiny rules, on a fresh ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from interlock.ledger import Ledger
from tests.desk.desks import Clerk, desk_on


@pytest_asyncio.fixture
async def clerk(ledger: Ledger) -> AsyncIterator[Clerk]:
    desk = desk_on(ledger)
    yield Clerk(desk)
    await desk.close()
