"""Takes what services publish on Kafka to the desk, and publishes what became of it."""

from interlock.intake.intake import Intake

__all__ = ["Intake"]
