"""The library's own test cases for persistence modules, unchanged, over Interlock's ledger.

What they print is their own. Nothing of `eventsourcing.tests.persistence` is left out but `TranscoderTestCase`, which
tests a transcoder and no persistence module, and this module brings none of its own.
"""

from __future__ import annotations

import gc
import unittest
import warnings
from collections.abc import Iterator
from typing import ClassVar, cast
from uuid import uuid4

import pytest
from eventsourcing.persistence import AggregateRecorder, InfrastructureFactory
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.tests import persistence as theirs
from eventsourcing.utils import Environment

from interlock.eventsourcing import InterlockFactory
from interlock.eventsourcing.recorders import LedgerAggregateRecorder, LedgerApplicationRecorder, LedgerProcessRecorder
from tests.eventsourcing.applications import environment
from tests.fixtures.postgres import PostgresServer


class OverLedger(unittest.TestCase):
    """Each test has a project and tables of its own in one database of the class."""

    settings: ClassVar[dict[str, str]] = {}
    factory: InterlockFactory

    @pytest.fixture(autouse=True, scope="class")
    @staticmethod
    def _database(request: pytest.FixtureRequest, postgres_server: PostgresServer) -> Iterator[None]:
        with postgres_server.database() as dsns:
            request.cls.settings = environment(dsns)
            yield

    @pytest.fixture(autouse=True)
    @staticmethod
    def _what_they_leave() -> Iterator[None]:
        """Some of theirs forget connections to PostgreSQL: let these go here, and not in somebody else's test."""
        yield
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()

    def setUp(self) -> None:
        # The environment's name is in the names of the library's own tables.
        name = f"Test{uuid4().hex[:8]}"
        self.env = Environment(name, {**self.settings, "INTERLOCK_PROJECT": name})
        super().setUp()
        self.factory = cast(InterlockFactory, InfrastructureFactory.construct(self.env))
        self.addCleanup(self.factory.close)


class TestAggregateRecorder(OverLedger, theirs.AggregateRecorderTestCase):
    def create_recorder(self) -> LedgerAggregateRecorder:
        return cast(LedgerAggregateRecorder, self.factory.aggregate_recorder())


class TestAggregateRecorderOfTexts(TestAggregateRecorder):
    def new_originator_id(self) -> str:
        return f"order-{uuid4()}"


class TestSnapshotRecorder(OverLedger, theirs.AggregateRecorderTestCase):
    def create_recorder(self) -> AggregateRecorder:
        return self.factory.aggregate_recorder("snapshots")


class TestApplicationRecorder(OverLedger, theirs.ApplicationRecorderTestCase[LedgerApplicationRecorder]):
    def create_recorder(self) -> LedgerApplicationRecorder:
        return cast(LedgerApplicationRecorder, self.factory.application_recorder())

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestApplicationRecorderOfTexts(TestApplicationRecorder):
    def new_originator_id(self) -> str:
        return f"order-{uuid4()}"


class TestApplicationRecorderThatBeginsAtZero(TestApplicationRecorder):
    INITIAL_VERSION = 0


class TestTrackingRecorder(OverLedger, theirs.TrackingRecorderTestCase):
    def create_recorder(self) -> PostgresTrackingRecorder:
        return self.factory.tracking_recorder()


class TestTrackingOfProcessRecorder(OverLedger, theirs.TrackingRecorderTestCase):
    def create_recorder(self) -> LedgerProcessRecorder:
        return cast(LedgerProcessRecorder, self.factory.process_recorder())


class TestProcessRecorder(OverLedger, theirs.ProcessRecorderTestCase):
    def create_recorder(self) -> LedgerProcessRecorder:
        return cast(LedgerProcessRecorder, self.factory.process_recorder())


class TestProcessRecorderAsApplicationRecorder(TestApplicationRecorder):
    def create_recorder(self) -> LedgerProcessRecorder:
        return cast(LedgerProcessRecorder, self.factory.process_recorder())


class TestNotificationIdsDoNotInterleave(OverLedger, theirs.NonInterleavingNotificationIDsBaseCase):
    def create_recorder(self) -> LedgerApplicationRecorder:
        return cast(LedgerApplicationRecorder, self.factory.application_recorder())


class OtherTracking(PostgresTrackingRecorder):
    """Some subclass."""


class TestFactory(OverLedger, theirs.InfrastructureFactoryTestCase[InterlockFactory]):
    def expected_factory_class(self) -> type[InterlockFactory]:
        return InterlockFactory

    def expected_aggregate_recorder_class(self) -> type[LedgerAggregateRecorder]:
        return LedgerAggregateRecorder

    def expected_application_recorder_class(self) -> type[LedgerApplicationRecorder]:
        return LedgerApplicationRecorder

    def expected_tracking_recorder_class(self) -> type[PostgresTrackingRecorder]:
        return PostgresTrackingRecorder

    def tracking_recorder_subclass(self) -> type[PostgresTrackingRecorder]:
        return OtherTracking

    def expected_process_recorder_class(self) -> type[LedgerProcessRecorder]:
        return LedgerProcessRecorder
