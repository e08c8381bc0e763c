"""The library's own test cases for applications and projections, unchanged, over Interlock's ledger."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from eventsourcing.tests import application as applications
from eventsourcing.tests import projection as projections

from interlock.eventsourcing import InterlockFactory
from tests.eventsourcing.applications import environment, in_environment
from tests.eventsourcing.counters import PostgresEventCounters
from tests.fixtures.postgres import PostgresServer


class OverLedger:
    """The process's environment leads to a database of the class, and each test has a project and tables of its own."""

    @pytest.fixture(autouse=True, scope="class")
    @staticmethod
    def _database(request: pytest.FixtureRequest, postgres_server: PostgresServer) -> Iterator[None]:
        with postgres_server.database() as dsns:
            request.cls.dsns = dsns
            yield

    @pytest.fixture(autouse=True)
    def _project(self, request: pytest.FixtureRequest) -> Iterator[None]:
        # Its own name, and so its own tables: the settings of one name are in no other test's.
        with in_environment(settings := environment(request.cls.dsns)):
            request.cls.env = settings
            yield


class TestExample(OverLedger, applications.ExampleApplicationTestCase):
    expected_factory_topic = f"{InterlockFactory.__module__}:{InterlockFactory.__qualname__}"


# One of them is about a warning that it catches itself.
@pytest.mark.filterwarnings("always::DeprecationWarning")
class TestApplications(OverLedger, applications.ApplicationTestCase):
    pass


class TestProjections(OverLedger, projections.AggregateEventCountersProjectionTestCase):
    view_class = PostgresEventCounters

    @pytest.fixture(autouse=True)
    def _tables(self, request: pytest.FixtureRequest, _project: None) -> None:
        # The view's name is the projection's in each of their tests, and so are its tables.
        request.cls.env = {**request.cls.env, "POSTGRES_SCHEMA": schema_of(request.node.name)}


class TestEventSourcedProjections(OverLedger, projections.EventSourcedProjectionTestCase):
    pass


def schema_of(test: str) -> str:
    """One of the schemas in which the application may make tables; each test has its own."""
    return "snapshot" if test == "test_event_counters_projection" else "cursor"
