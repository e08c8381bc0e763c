"""Keeps the read models: events in, rows and the position out, in one transaction."""

from interlock.projector.cursors import SchemaChanged
from interlock.projector.projector import Projector, Status

__all__ = ["Projector", "SchemaChanged", "Status"]
