"""What the library's own cases leave open: opaque states, versions, ids, limits, and calls that share a batch."""
# Long: one suite of cases over one factory, as the library's own cases are.

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import cast
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import (
    DataError,
    InfrastructureFactory,
    IntegrityError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    StoredEvent,
    Tracking,
)

from interlock.events.envelope import Actor
from interlock.eventsourcing import InterlockFactory, seams
from interlock.eventsourcing.calls import prepared
from interlock.eventsourcing.placing import Placing
from interlock.eventsourcing.recorders import LedgerApplicationRecorder, LedgerProcessRecorder
from interlock.eventsourcing.streams import Streams
from interlock.ledger import BATCH_EVENTS_MAX
from interlock.ledger.embedded import Dsns
from tests.eventsourcing.applications import environment, without
from tests.fixtures.postgres import PostgresServer


def factory_of(settings: dict[str, str]) -> InterlockFactory:
    return cast(InterlockFactory, InfrastructureFactory.construct(settings))


@pytest.fixture(scope="module")
def module_dsns(postgres_server: PostgresServer) -> Iterator[Dsns]:
    with postgres_server.database() as dsns:
        yield dsns


@pytest.fixture
def settings(module_dsns: Dsns) -> dict[str, str]:
    return environment(module_dsns)


@pytest.fixture
def factory(settings: dict[str, str]) -> Iterator[InterlockFactory]:
    with factory_of(settings) as made:
        yield made


@pytest.fixture
def recorder(factory: InterlockFactory) -> LedgerApplicationRecorder:
    return cast(LedgerApplicationRecorder, factory.application_recorder())


def event(of: UUID | str, version: int, state: bytes = b"{}", topic: str = "shop:Order.Placed") -> StoredEvent:
    return StoredEvent(of, version, topic, state)


STATES = [
    b"",
    b"state1",
    b'{"a":"\xc3\xa4\\u0000 \\" \n"}',
    b"\x00",
    b"\xff\xfe\x00 compressed",
    "☃ 🚂".encode(),
    b"\xed\xa0\x80",  # half of a surrogate pair, as some encoders write it
    b"\\u0000",
    bytes(range(256)),
]


@pytest.mark.parametrize("state", STATES)
def test_an_opaque_state_comes_back_byte_for_byte(recorder: LedgerApplicationRecorder, state: bytes) -> None:
    order = uuid4()
    recorder.insert_events([event(order, 1, state)])
    assert [one.state for one in recorder.select_events(order)] == [state]
    assert [one.state for one in recorder.select_notifications(None, 10)] == [state]


def test_ids_come_back_as_what_they_were(recorder: LedgerApplicationRecorder) -> None:
    order = uuid4()
    recorder.insert_events([event(order, 1), event("order/7 ☃", 1), event(str(uuid4()), 1)])
    first, second, third = (one.originator_id for one in recorder.select_notifications(None, 10))
    assert (first, second) == (order, "order/7 ☃")
    assert isinstance(third, str)


@pytest.mark.parametrize("first", [-3, 0, 1, 2, 41])
def test_versions_begin_where_the_application_begins_them_also_for_another_process(
    settings: dict[str, str], recorder: LedgerApplicationRecorder, first: int
) -> None:
    order = uuid4()
    recorder.insert_events([event(order, first), event(order, first + 1)])
    with factory_of(settings) as elsewhere:
        other = elsewhere.application_recorder()
        assert other.insert_events([event(order, first + 2)]) == [3]
        assert [one.originator_version for one in other.select_events(order, gt=first)] == [first + 1, first + 2]
        assert [one.originator_version for one in other.select_events(order, lte=first, desc=True)] == [first]
        with pytest.raises(IntegrityError, match="recorded already"):
            recorder.insert_events([event(order, first + 2)])
    assert recorder.insert_events([event(order, first + 3)]) == [4]


@pytest.mark.parametrize("version", [3, 9])
def test_a_version_that_would_leave_a_gap_is_refused(recorder: LedgerApplicationRecorder, version: int) -> None:
    order = uuid4()
    recorder.insert_events([event(order, 1)])
    with pytest.raises(IntegrityError, match="gap after 1"):
        recorder.insert_events([event(order, version)])
    assert recorder.insert_events([event(order, 2)]) == [2]


def test_versions_out_of_order_in_one_call_are_refused(recorder: LedgerApplicationRecorder) -> None:
    order = uuid4()
    with pytest.raises(IntegrityError, match="not in order"):
        recorder.insert_events([event(order, 2), event(order, 1)])
    assert recorder.select_events(order) == []


def test_several_streams_are_recorded_together_or_not_at_all(recorder: LedgerApplicationRecorder) -> None:
    one, other = uuid4(), uuid4()
    assert recorder.insert_events([event(one, 1), event(other, 1), event(one, 2)]) == [1, 2, 3]
    with pytest.raises(IntegrityError):
        recorder.insert_events([event(one, 3), event(other, 1)])
    assert recorder.max_notification_id() == 3
    assert recorder.insert_events([event(one, 3), event(other, 2)]) == [4, 5]


@pytest.mark.parametrize(
    "wrong, said",
    [
        (event(uuid4(), 1, b"x" * 70_000), "65,535"),
        (event(uuid4(), 1, b"\xff" * 50_000), "65,535"),
        (event("", 1), "originator"),
        (event("x" * 1_001, 1), "1000 bytes"),
        (event("nul\x00", 1), "NUL"),
        (event("\ud800", 1), "surrogate"),
        (event(uuid4(), 2**53), "53 bits"),
        (event(uuid4(), True), "53 bits"),
        (event(uuid4(), 1, topic=""), "topic"),
        (event(uuid4(), 1, topic="a\x00b"), "NUL"),
        (StoredEvent(uuid4(), 1, "t", cast(bytes, "text")), "bytes"),
    ],
)  # fmt: skip
def test_what_cannot_be_stored_is_refused_by_name_and_alone(
    recorder: LedgerApplicationRecorder, wrong: StoredEvent, said: str
) -> None:
    with ThreadPoolExecutor(4) as pool:
        good = [pool.submit(recorder.insert_events, [event(uuid4(), 1)]) for _ in range(3)]
        bad = pool.submit(recorder.insert_events, [wrong])
        good += [pool.submit(recorder.insert_events, [event(uuid4(), 1)]) for _ in range(3)]
    with pytest.raises(DataError, match=said):
        bad.result()
    assert sorted(position for one in good for position in one.result() or ()) == [1, 2, 3, 4, 5, 6]


def test_a_call_has_as_many_events_as_a_batch_takes(recorder: LedgerApplicationRecorder) -> None:
    order = uuid4()
    with pytest.raises(DataError, match=str(BATCH_EVENTS_MAX)):
        recorder.insert_events([event(order, version) for version in range(1, BATCH_EVENTS_MAX + 2)])
    positions = recorder.insert_events([event(order, version) for version in range(1, BATCH_EVENTS_MAX + 1)])
    assert positions == list(range(1, BATCH_EVENTS_MAX + 1))


def test_of_many_threads_that_want_one_version_one_gets_it(recorder: LedgerApplicationRecorder) -> None:
    order = uuid4()
    ready = threading.Barrier(16)

    def insert(number: int) -> bool:
        ready.wait()
        try:
            recorder.insert_events([event(order, 1, b"%d" % number)])
        except IntegrityError:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(insert, range(16))) == 1
    assert len(recorder.select_events(order)) == 1


def test_a_call_that_conflicts_with_one_of_its_own_batch_waits_until_that_is_recorded() -> None:
    """It may be lost yet: then nobody has the version, and the second call gets it."""
    placing = Placing("es:shop", Actor(id="shop", kind="service"), seams.event_id, Streams(), 0, datetime.now(UTC))
    first, second, third = (prepared([event(of, 1)], deadline=0) for of in ("order", "order", "other"))
    batch = placing.place([first, second, third])
    assert batch.put_off == [second]
    assert not second.future.done()
    assert [row.position for row in batch.rows] == [1, 2]


def test_threads_share_commits(factory: InterlockFactory, recorder: LedgerApplicationRecorder) -> None:
    def insert(_number: int) -> None:
        for version in range(1, 11):
            recorder.insert_events([event(order := uuid4(), 1), event(order, 2)])
            assert version

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(insert, range(16)))
    instants = {row["recorded_at"] for row in _rows(factory)}
    assert recorder.max_notification_id() == 320
    # One instant a batch: 160 calls were far fewer commits.
    assert len(instants) < 120


def _rows(factory: InterlockFactory) -> list[dict[str, str]]:
    import orjson

    return [orjson.loads(row["body"]) for row in factory.store.rows("notifications", 1, 10_000, 10_000)]


def test_topics_are_looked_for_and_positions_stay(recorder: LedgerApplicationRecorder) -> None:
    order = uuid4()
    recorder.insert_events([event(order, 1, topic="a"), event(order, 2, topic="b"), event(order, 3, topic="a")])
    assert [one.id for one in recorder.select_notifications(None, 10, topics=("a",))] == [1, 3]
    assert [
        one.id for one in recorder.select_notifications(1, 10, stop=2, topics=["a"], inclusive_of_start=False)
    ] == []


def test_a_subscription_hears_of_what_another_process_records(
    settings: dict[str, str], recorder: LedgerApplicationRecorder
) -> None:
    with factory_of(settings) as elsewhere, recorder.subscribe() as subscription:
        other = elsewhere.application_recorder()
        for number in range(1, 6):
            other.insert_events([event(uuid4(), 1)])
            assert next(subscription).id == number


def test_a_tracked_position_and_its_events_are_one(module_dsns: Dsns) -> None:
    settings = environment(module_dsns)
    with factory_of(settings) as factory:
        recorder = cast(LedgerProcessRecorder, factory.process_recorder())
        upstream, order = settings["INTERLOCK_PROJECT"], uuid4()
        assert recorder.insert_events([event(order, 1)], tracking=Tracking(upstream, 7)) == [1]
        with pytest.raises(IntegrityError, match="7 is tracked"):
            recorder.insert_events([event(order, 2)], tracking=Tracking(upstream, 7))
        assert len(recorder.select_events(order)) == 1
        with pytest.raises(IntegrityError, match="recorded already"):
            recorder.insert_events([event(order, 1)], tracking=Tracking(upstream, 8))
        assert recorder.max_tracking_id(upstream) == 7
        with factory_of(settings) as elsewhere:
            elsewhere.application_recorder().insert_events([event(order, 2)])
        # Not known here yet: found at the fence, when the position was moved already.
        with pytest.raises(IntegrityError, match="recorded already"):
            recorder.insert_events([event(order, 2)], tracking=Tracking(upstream, 8))
        assert recorder.max_tracking_id(upstream) == 7


def test_a_closed_application_says_so_and_one_that_is_not_closed_ends(settings: dict[str, str]) -> None:
    factory = factory_of(settings)
    recorder = factory.application_recorder()
    recorder.insert_events([event(uuid4(), 1)])
    factory.close()
    factory.close()
    with pytest.raises(InterfaceError, match="closed"):
        recorder.insert_events([event(uuid4(), 1)])
    with pytest.raises(InterfaceError, match="closed"):
        recorder.max_notification_id()
    forgotten = factory_of(settings)
    assert forgotten.application_recorder().max_notification_id() == 1
    thread = forgotten.store._thread
    assert thread is not None
    del forgotten
    gc.collect()
    thread._thread.join(30)
    assert not thread._thread.is_alive()


def test_settings_that_cannot_be_right_are_refused_before_anything_is_connected(settings: dict[str, str]) -> None:
    with pytest.raises(OSError, match="POSTGRES_HOST"):
        factory_of(without(settings, "POSTGRES_HOST"))
    with pytest.raises(OSError, match="INTERLOCK_PROJECT"):
        factory_of({**settings, "INTERLOCK_PROJECT": "a project"})
    with pytest.raises(OSError, match="POSTGRES_GET_PASSWORD_TOPIC"):
        factory_of({**settings, "POSTGRES_GET_PASSWORD_TOPIC": "builtins:str"})


def test_a_database_without_the_ledgers_schema_is_refused_at_the_start(postgres_server: PostgresServer) -> None:
    with postgres_server.empty_database() as empty, factory_of(environment(empty)) as factory:
        with pytest.raises(ProgrammingError, match="migrations"):
            factory.application_recorder()


def test_a_server_that_is_not_there_is_said_in_time(settings: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interlock.eventsourcing.store.CALL_SECONDS", 0.5)
    with factory_of({**settings, "POSTGRES_HOST": "/nowhere", "CREATE_TABLE": "no"}) as factory:
        recorder = factory.application_recorder()
        with pytest.raises(OperationalError, match="reached"):
            recorder.insert_events([event(uuid4(), 1)])
        with pytest.raises(OperationalError):
            recorder.max_notification_id()
