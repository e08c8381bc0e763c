"""Keeps the read models: events in, rows and the position out, in one transaction; and builds them anew."""

from interlock.projector.cursors import SchemaChanged
from interlock.projector.projector import Projector, Status
from interlock.projector.rebuilder import Rebuilder, UnknownProjection
from interlock.projector.rebuilds import NotServing, Rebuild

__all__ = ["NotServing", "Projector", "Rebuild", "Rebuilder", "SchemaChanged", "Status", "UnknownProjection"]
