"""Over TLS with passwords and rights: each part can do its own, and who has no right is refused by name."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer

from infra.kafka.broker import Broker, java
from infra.kafka.secured import ADMIN, ca_of, client_properties, give, rights, secured_broker
from interlock.bus import KafkaAddress, KafkaAway, KafkaRefuses, Producer, ensure, topics
from interlock.ledger import Ledger
from tests.feed.feeds import record_in, sleep
from tests.fixtures.postgres import roomy_memory
from tests.relay.relays import published, relay_on, running, until

PASSWORDS = {ADMIN: "admin-secret", "relay": "relay-secret", "reader": "reader-secret", "stranger": "stranger-secret"}
TOPICS = topics(partitions=2)


@dataclass
class Secured:
    """The broker, and each user's address."""

    broker: Broker

    def __getitem__(self, user: str) -> KafkaAddress:
        ca = ca_of(self.broker.directory)
        return KafkaAddress(self.broker.address, "SASL_SSL", user, PASSWORDS[user], ca)


@pytest.fixture(scope="module")
def secured() -> Iterator[Secured]:
    directory = Path(tempfile.mkdtemp(prefix="interlock-secured-", dir=roomy_memory()))
    broker = secured_broker(directory, PASSWORDS)
    try:
        with broker:
            made = Secured(broker)
            asyncio.run(ensure(made[ADMIN], TOPICS.all, sleep=sleep))
            given = rights()
            give(broker, PASSWORDS, {user: given[user] for user in ("relay", "reader")})
            yield made
    finally:
        shutil.rmtree(directory, ignore_errors=True)


async def test_with_its_rights_alone_the_relay_publishes_and_a_reader_reads(
    secured: Secured, ledger: Ledger, ledger_dsn: str
) -> None:
    await record_in(ledger, "shop", 5)
    address = secured["relay"]
    relay = relay_on(
        ledger, ledger_dsn, address.servers, TOPICS.events, kafka=address, create_topic=False,
        producer=lambda: Producer(address, "relay", send_seconds=5),
    )  # fmt: skip
    async with running(relay):
        await published(relay)
    consumer = AIOKafkaConsumer(
        TOPICS.events.name, **secured["reader"].options("test"), group_id="reader.1", auto_offset_reset="earliest"
    )
    async with consumer:
        records = [await asyncio.wait_for(consumer.getone(), 60) for _ in range(5)]
    assert [dict(record.headers)["position"] for record in records] == [b"1", b"2", b"3", b"4", b"5"]


async def test_a_relay_without_the_right_to_write_says_so_and_publishes_nothing(
    secured: Secured, ledger: Ledger, ledger_dsn: str
) -> None:
    await record_in(ledger, "shop", 1)
    address = secured["reader"]
    relay = relay_on(
        ledger, ledger_dsn, address.servers, TOPICS.events, kafka=address, create_topic=False,
        producer=lambda: Producer(address, "reader", send_seconds=5),
    )  # fmt: skip
    async with running(relay):
        await until(lambda: "Kafka refuses this: the right is missing" in (relay.standing().trouble or ""))
        assert relay.standing().published == 0


@pytest.mark.parametrize("user", ["stranger", "reader"])
async def test_who_may_not_write_is_refused(secured: Secured, user: str) -> None:
    async with Producer(secured[user], "test") as producer:
        with pytest.raises(KafkaRefuses):
            await producer.send(TOPICS.events.name, key=b"shop", value=b"forged")


async def test_who_may_not_look_at_the_topics_is_refused(secured: Secured) -> None:
    with pytest.raises(KafkaRefuses, match="Authorization"):
        await ensure(secured["stranger"], TOPICS.all, sleep=sleep, create=False)


def test_who_may_not_read_is_refused_whatever_client_it_takes(secured: Secured, tmp_path: Path) -> None:
    for user, refused in {"stranger": True, "reader": False}.items():
        settings = tmp_path / f"{user}.properties"
        settings.write_text(client_properties(secured.broker, user, PASSWORDS[user]), encoding="utf-8")
        command = java(
            "org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", secured.broker.address,
            "--command-config", str(settings), "--topic", TOPICS.events.name, "--group", "reader.console",
            "--from-beginning", "--timeout-ms", "8000",
        )  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
        told = done.stdout + done.stderr
        assert ("AuthorizationException" in told) is refused, told


async def test_who_may_not_make_topics_makes_none(secured: Secured) -> None:
    with pytest.raises(KafkaRefuses):
        await ensure(secured["relay"], topics("other").all, sleep=sleep)


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": "guessed"},
        {"user": "nobody"},
        {"security": "SASL_PLAINTEXT"},
        {"security": "PLAINTEXT"},
        {"security": "SSL"},
        {"authority": None},
    ],
)
async def test_who_does_not_prove_who_it_is_gets_nowhere(secured: Secured, wrong: dict[str, str]) -> None:
    with pytest.raises((KafkaRefuses, KafkaAway, ssl.SSLError)):
        await ensure(replace(secured["relay"], **wrong), TOPICS.all, sleep=sleep, create=False)  # type: ignore[arg-type]


def test_an_address_shows_no_password(secured: Secured) -> None:
    assert "relay-secret" not in repr(secured["relay"])
