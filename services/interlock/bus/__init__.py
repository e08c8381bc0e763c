"""Kafka as the parts see it: topics that are as they must be, waits that end, and errors by name."""

from interlock.bus.bounded import JOIN_SECONDS, Graveyard, refused_by_name, within
from interlock.bus.cluster import Cluster, Kept
from interlock.bus.connection import KafkaAddress, Security
from interlock.bus.errors import BusError, KafkaAway, KafkaRefuses, RecordTooLarge, TopicDiffers, TopicMissing
from interlock.bus.producer import BATCH_BYTES_MAX, Batch, Producer, Sent, partition_of
from interlock.bus.topics import PREFIX, Administration, Topic, Topics, ensure, topics
from interlock.bus.unreadable import CAREFUL_RECORDS, UNREADABLE, Skipped, step_over

__all__ = [
    "BATCH_BYTES_MAX",
    "CAREFUL_RECORDS",
    "JOIN_SECONDS",
    "PREFIX",
    "UNREADABLE",
    "Administration",
    "Batch",
    "BusError",
    "Cluster",
    "Graveyard",
    "KafkaAddress",
    "KafkaAway",
    "KafkaRefuses",
    "Kept",
    "Producer",
    "RecordTooLarge",
    "Security",
    "Sent",
    "Skipped",
    "Topic",
    "TopicDiffers",
    "TopicMissing",
    "Topics",
    "ensure",
    "partition_of",
    "refused_by_name",
    "step_over",
    "topics",
    "within",
]
