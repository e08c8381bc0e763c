"""What takes long begins first, whatever the number of its tests is, and what is named for that is there."""

from __future__ import annotations

from collections import OrderedDict

import pytest

from infra.kafka.broker import PORTS
from tests.fixtures.ports import PROCESSES_MAX, free_port, ports_of
from tests.fixtures.spread import ALONE, PROCESS_BYTES_MAX, SECONDS, LongestFirst, processes, seconds
from tests.house.tree import REPOSITORY


class Taken:
    """A process that is given tests, and keeps their numbers."""

    def __init__(self) -> None:
        self.given: list[int] = []

    def send_runtest_some(self, numbers: list[int]) -> None:
        self.given += numbers


def test_what_takes_long_begins_first_and_then_what_has_most_tests() -> None:
    long, brief, many = "tests/serve/test_starting.py", "tests/fixtures/brief.py", "tests/fixtures/many.py"
    tests = [f"{brief}::test_a", f"{many}::test_a", f"{many}::test_b", f"{long}::test_a", *part_tests()]
    queue = LongestFirst.__new__(LongestFirst)
    queue.workqueue, queue.assigned_work, process = OrderedDict(), {}, Taken()
    queue.registered_collections = {process: tests}
    for test in tests:
        queue.workqueue.setdefault(queue._split_scope(test), {})[test] = False
    while queue.workqueue:
        queue._assign_work_unit(process)
    named = [tests[number].rpartition("/")[2] for number in process.given]
    assert named == [
        "test_proof.py::test_no_reachable_state_is_wrong[bad days]",
        "test_starting.py::test_a",
        "test_proof.py::test_no_reachable_state_is_wrong[stage]",
        "many.py::test_a",
        "many.py::test_b",
        "brief.py::test_a",
    ]


def part_tests() -> list[str]:
    [proof] = ALONE
    return [f"{proof}::test_no_reachable_state_is_wrong[{part}]" for part in ("stage", "bad days")]


def test_every_file_that_is_known_to_take_long_is_there() -> None:
    for name in (*SECONDS, *ALONE):
        file, _, test = name.partition("::")
        text = (REPOSITORY / file).read_text(encoding="utf-8")
        assert f"def {test.partition('[')[0]}(" in text or not test, name
    assert seconds("tests/fixtures/brief.py") == 0


def test_there_is_a_process_more_than_there_are_cores_where_memory_allows() -> None:
    assert processes(2, 3 * PROCESS_BYTES_MAX) == 3
    assert processes(2, 3 * PROCESS_BYTES_MAX - 1) == 2


def test_no_two_processes_give_the_same_port_and_none_gives_one_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = [ports_of(f"gw{number}") for number in range(PROCESSES_MAX)]
    assert sorted(port for share in shares for port in share) == list(PORTS)
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw3")
    given = [free_port() for _ in range(20)]
    assert set(given) <= set(shares[3])
    assert len(set(given)) == len(given)
