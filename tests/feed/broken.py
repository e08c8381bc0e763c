"""Records that Kafka takes and its Python client cannot read: a header's name that is no UTF-8."""

from __future__ import annotations

import struct
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.record.util import calc_crc32c

NAME = b"ZZZZ"
BROKEN_RECORDS = 5
BROKEN_AT = 2
CRC = slice(17, 21)


async def send_broken(producer: AIOKafkaProducer, topic: str, *, partition: int = 0) -> None:
    """Send one batch of BROKEN_RECORDS, one of them broken, with a sum that fits."""
    batch: Any = producer.create_batch()
    for number in range(BROKEN_RECORDS):
        headers = [(NAME.decode(), b"x")] if number == BROKEN_AT else []
        batch.append(key=None, value=b"x", timestamp=None, headers=headers)
    batch.close()
    build = batch._build

    def broken() -> bytearray:
        made = bytearray(build())
        made[made.index(NAME) : made.index(NAME) + len(NAME)] = b"\xff\xfe\xff\xfe"
        made[CRC] = struct.pack(">I", calc_crc32c(bytes(made[CRC.stop :])))
        return made

    batch._build = broken
    await (await producer.send_batch(batch, topic, partition=partition))
