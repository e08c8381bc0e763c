"""Each part as a process of its own, with Kafka between them, gives the same product as all in one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2
import pytest
from aiokafka.errors import KafkaError
from prometheus_client.parser import text_string_to_metric_families

from infra.kafka.broker import free_port
from interlock.ledger.embedded import Dsns
from interlock.serve.parts import PARTS
from tests.fixtures.kafka import Kafka
from tests.fixtures.server import (
    Served,
    config_text,
    enrol,
    enrolment_of,
    serving,
)
from tests.relay.relays import seen
from tests.serve.test_starting import UNTIL, start, written

WAIT_SECONDS = 60
# So many events open a project.
BEGINNING = 8
SCRAPES = "what Prometheus shows"
RELEASE = {"kind": "normal", "title": "Quotes"}


def kafka_text(address: str, prefix: str, *, partitions: int = 3) -> str:
    return f'[kafka]\nservers = "{address}"\ntopics = "{prefix}"\npartitions = {partitions}\n'


@contextmanager
def part(name: str, directory: Path, text: str, *options: str) -> Iterator[Served]:
    """One part's process, with its own files."""
    home = directory / name
    home.mkdir(exist_ok=True)
    with serving(written(home, text), "--part", name, *options) as served:
        served.now = None
        yield served


def told(served: Served, path: str, token: str = "") -> httpx2.Response:
    shown = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx2.get(f"{served.url}{path}", headers=shown, timeout=10)


def becomes(served: Served, status: int) -> dict[str, object]:
    """Wait until it is ready, or not."""
    deadline = time.monotonic() + WAIT_SECONDS
    while (answer := told(served, "/ready")).status_code != status:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.1)
    document: dict[str, object] = answer.json()
    return document


def positions(kafka: Kafka, prefix: str) -> list[int]:
    """What is published so far; nothing while the topic is not there."""
    try:
        return [record.position for record in asyncio.run(seen(kafka.address, f"{prefix}.events"))]
    except (TypeError, KafkaError, asyncio.CancelledError):
        # The topic is there and empty: a consumer of aiokafka that is closed as soon as it was opened ends cancelled.
        return []


def samples(served: Served) -> dict[str, float]:
    """A part's figures, read as Prometheus reads them."""
    families = text_string_to_metric_families(told(served, "/metrics", SCRAPES).text)
    return {sample.name: sample.value for family in families for sample in family.samples}


def caught_up(relay: Served) -> dict[str, float]:
    """Its figures, once it has stored how far it is: others may have read by Kafka what it published before that."""
    deadline = time.monotonic() + WAIT_SECONDS
    while (figures := samples(relay))["interlock_relay_lag_events"] != 0:
        assert time.monotonic() < deadline, figures
        time.sleep(0.05)
    return figures


def test_the_parts_as_processes_are_the_same_product(kafka: Kafka, dsns: Dsns, tmp_path: Path) -> None:
    scrapes = tmp_path / "scrapes"
    scrapes.write_text(SCRAPES, encoding="utf-8")
    text = config_text(dsns=dsns) + kafka_text(kafka.address, kafka.name("parts"))
    text += f'[server]\nmetrics_token = "file:{scrapes}"\n'
    with ExitStack() as stack:
        # The API first: it applies the migrations.
        names = ("api", *sorted(PARTS.keys() - {"api"}))
        served = {name: stack.enter_context(part(name, tmp_path, text)) for name in names}
        api = served["api"]
        for founder in ("admin-1", "admin-2"):
            enrol(api, founder, enrolment_of(founder), UNTIL)
        recorded = api["admin-1"].command("Annotate", {"target": 1, "kind": "remark", "text": "by Kafka"})
        # What was just done is seen: the question waits until the read models are there, over Kafka.
        status = api["admin-1"].get("/status", after=recorded["position"])
        assert status["position"] >= recorded["position"]
        for name, one in served.items():
            assert becomes(one, 200)["status"] == "ready", name
            assert told(one, "/metrics").status_code == 401, name
        figures = caught_up(served["relay"])
        assert figures["interlock_relay_generation"] == 1
        assert figures["interlock_relay_published_total"] == recorded["position"]
        assert told(served["watch"], "/health").json()["part"] == "watch"
        assert told(served["watch"], "/v1").status_code == 404
        assert httpx2.post(f"{served['watch'].url}/ready", timeout=10).status_code == 405
    assert [one.process.returncode for one in served.values()] == [0] * len(served)


def test_a_relay_whose_kafka_is_away_says_behind_and_stops_in_order(dsns: Dsns, tmp_path: Path) -> None:
    text = config_text(dsns=dsns) + kafka_text(f"127.0.0.1:{free_port()}", "interlock")
    with part("api", tmp_path, text) as api, part("relay", tmp_path, text) as relay:
        problem = becomes(relay, 503)
        assert str(problem["detail"]).startswith(f"relay: behind: {BEGINNING} events")
        assert becomes(api, 200)["status"] == "ready"
        figures = samples(relay)
        assert figures["interlock_relay_lag_events"] == BEGINNING
        assert figures["interlock_relay_in_trouble"] == 1
    assert relay.process.returncode == 0


def test_all_in_one_with_kafka_publishes_too(kafka: Kafka, dsns: Dsns, tmp_path: Path) -> None:
    prefix = kafka.name("one")
    text = config_text(dsns=dsns, more="") + kafka_text("127.0.0.1:1", prefix)
    with serving(written(tmp_path, text), "--kafka", kafka.address) as served:
        served.now = None
        enrol(served, "admin-1", enrolment_of("admin-1"), UNTIL)
        deadline = time.monotonic() + WAIT_SECONDS
        while not (published := positions(kafka, prefix)) or published[-1] <= BEGINNING:
            assert time.monotonic() < deadline
    assert published == list(range(1, len(published) + 1))


def test_a_part_that_needs_kafka_says_so(dsns: Dsns, tmp_path: Path) -> None:
    refused = start(written(tmp_path, config_text(dsns=dsns)), "--part", "relay")
    assert refused.returncode != 0
    said = "part relay: it needs Kafka. Next: give its address: [kafka] servers, or --kafka HOST:PORT"
    assert said in _one_line(refused.stderr)


@pytest.mark.parametrize(
    "more, said",
    [
        ('security = "SASL_SSL"', "user and password belong to SASL"),
        ('user = "relay"\npassword = "env:X"', "user and password belong to SASL"),
        ('security = "SASL_SSL"\nuser = "relay"\npassword = "hunter2"', "kafka.password"),
        ('security = "SASL_SSL"\nuser = "relay"\npassword = "env:NOT_THERE"', "no such variable"),
        ('security = "SSL"\nauthority = "none.pem"', "Kafka's authority"),
        ("replicas = 0", "kafka.replicas"),
        ('topic = "x"', "kafka.topic"),
    ],
)
def test_a_wrong_setting_of_kafka_is_refused_and_no_password_is_shown(
    dsns: Dsns, tmp_path: Path, more: str, said: str
) -> None:
    text = config_text(dsns=dsns) + f'[kafka]\nservers = "127.0.0.1:9092"\n{more}\n'
    refused = start(written(tmp_path, text), "--part", "relay")
    assert refused.returncode != 0
    assert said in _one_line(refused.stderr)
    assert "hunter2" not in refused.stderr


def _one_line(text: str) -> str:
    return " ".join(text.split())
