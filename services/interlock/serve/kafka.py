"""Kafka as the settings name it: its address with the secret resolved, and the deployment's topics."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping

from interlock.bus import KafkaAddress, Topics, topics
from interlock.serve.refusals import CannotStart
from interlock.serve.settings import Kafka, Settings, secret


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


def topics_of(kafka: Kafka) -> Topics:
    """Return the deployment's topics."""
    return topics(kafka.topics, replicas=kafka.replicas, partitions=kafka.partitions)
