"""The ledger in memory behaves as the one over PostgreSQL: whatever is asked of a ledger alone is asked of both."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.ledger import test_answers, test_append, test_clock, test_snapshots, test_turns_and_changes
from tests.simulation.database import Database
from tests.simulation.ledger import MemoryLedger

SUITES = (test_append, test_answers, test_clock, test_snapshots, test_turns_and_changes)
LEDGERS = {"ledger", "test_clock_ledger"}
TESTS_MIN = 35


def _of_any_ledger(suite: Any) -> Iterator[tuple[str, Any]]:
    for name, test in vars(suite).items():
        if name.startswith("test_") and inspect.iscoroutinefunction(test):
            asked = set(inspect.signature(test).parameters) - _parametrized(test)
            # What also asks for the database's address is about PostgreSQL.
            if asked and asked <= LEDGERS:
                yield name, test


def _parametrized(test: Any) -> set[str]:
    marks = [mark for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
    return {name.strip() for mark in marks for name in mark.args[0].split(",")}


SHARED = {name: test for suite in SUITES for name, test in _of_any_ledger(suite)}
globals().update(SHARED)


@pytest.fixture
def ledger() -> MemoryLedger:
    return MemoryLedger(Database(lambda: datetime.now(UTC)))


@pytest.fixture
def test_clock_ledger() -> MemoryLedger:
    return MemoryLedger(Database(lambda: datetime.now(UTC), test=True))


def test_the_suite_is_the_ledgers_own_and_no_small_part_of_it() -> None:
    assert len(SHARED) >= TESTS_MIN, sorted(SHARED)
