"""What can go wrong between a part and Kafka, named for the situation."""

from __future__ import annotations


class BusError(Exception):
    """something went wrong with Kafka"""

    def __init__(self, detail: str = "") -> None:
        """Say the docstring, and `detail` where there is one."""
        meaning = " ".join((type(self).__doc__ or "").split())
        super().__init__(f"{meaning}: {detail}" if detail else meaning)
        self.detail = detail


class KafkaAway(BusError):
    """Kafka cannot be reached, or does not answer: what was sent may have arrived or may arrive yet"""


class KafkaRefuses(BusError):
    """Kafka refuses this: the right is missing, or the credentials are wrong"""


class TopicMissing(BusError):
    """a topic is not there, and is not made by being used"""


class TopicDiffers(BusError):
    """a topic is not as it must be; it is not changed by itself"""


class RecordTooLarge(BusError):
    """Kafka does not take a record of this size"""
