"""What an administrator does to a topic, by Kafka's own protocol."""

from __future__ import annotations

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType


async def delete_topic(address: str, name: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        await admin.delete_topics([name])
    finally:
        await admin.close()


async def change_topic(address: str, name: str, **settings: str) -> None:
    """Change settings of a topic; a name's underscores stand for dots."""
    changed = {setting.replace("_", "."): value for setting, value in settings.items()}
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, changed)])
    finally:
        await admin.close()
