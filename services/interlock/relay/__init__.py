"""Publishes what happened to Kafka: each project's events in order, at least once, from the ledger's own bytes."""

from interlock.relay.office import Superseded
from interlock.relay.relay import Relay
from interlock.relay.state import Lag, Standing, state_of

__all__ = ["Lag", "Relay", "Standing", "Superseded", "state_of"]
