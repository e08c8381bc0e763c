"""Restores: an environment's data as a copy of another one's, from one snapshot, masked where it is to be."""

from interlock.runners.restoring.configured import Restoring, restoring_of
from interlock.runners.restoring.failures import (
    Impossible,
    MaskRefused,
    NoTools,
    StillRunning,
    ToolRefused,
)
from interlock.runners.restoring.measuring import Table
from interlock.runners.restoring.places import Registered
from interlock.runners.restoring.running import Copied, Restored, restore

__all__ = [
    "Copied",
    "Impossible",
    "MaskRefused",
    "NoTools",
    "Registered",
    "Restored",
    "Restoring",
    "StillRunning",
    "Table",
    "ToolRefused",
    "restore",
    "restoring_of",
]
