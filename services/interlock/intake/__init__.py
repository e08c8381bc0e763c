"""Takes what services publish on Kafka to the desk, and publishes what became of it."""

from interlock.intake.intake import Intake, own_topic

__all__ = ["Intake", "own_topic"]
