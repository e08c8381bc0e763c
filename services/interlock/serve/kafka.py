"""Kafka as the settings name it: its address with the secret resolved, and the deployment's topics."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping

from interlock.bus import KafkaAddress, Topics, topics
from interlock.desk import Desk
from interlock.intake import Intake, own_topic
from interlock.ledger import Ledger
from interlock.serve import seams
from interlock.serve.refusals import CannotStart
from interlock.serve.secret import secret
from interlock.serve.settings import Kafka, Settings


def kafka_of(settings: Settings, part: str) -> Kafka:
    """Return the settings of Kafka, which `part` cannot be without. Raises CannotStart."""
    if settings.kafka is None:
        raise CannotStart(f"part {part}", "it needs Kafka", "give its address: [kafka] servers, or --kafka HOST:PORT")
    return settings.kafka


def address_of(settings: Settings, kafka: Kafka, environ: Mapping[str, str] = os.environ) -> KafkaAddress:
    """Return the address, with the password. Raises CannotStart."""
    password = None
    if kafka.password is not None:
        password = secret("Kafka's password", kafka.password, home=settings.home, environ=environ)
    authority = None if kafka.authority is None else settings.home / kafka.authority
    address = KafkaAddress(kafka.servers, kafka.security, kafka.user, password, authority)
    try:
        address.options("interlock")
    except (OSError, ssl.SSLError) as wrong:
        raise CannotStart(f"Kafka's authority {authority}", str(wrong), "name a file of PEM certificates") from wrong
    return address


def intake_of(settings: Settings, kafka: Kafka, desk: Desk, ledger: Ledger) -> Intake:
    """Return the intake of the deployment. Raises CannotStart."""
    names = topics_of(kafka)
    return Intake(
        desk,
        ledger,
        address_of(settings, kafka),
        names,
        home=settings.project,
        sleep=seams.sleep,
        monotonic=seams.monotonic,
        own={own_topic(names, principal).name: principal for principal in kafka.own_topics},
        group=f"{kafka.topics}.intake",
        create_topics=kafka.create_topics,
    )


def topics_of(kafka: Kafka) -> Topics:
    """Return the deployment's topics."""
    return topics(kafka.topics, replicas=kafka.replicas, partitions=kafka.partitions)
