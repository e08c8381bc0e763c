"""Tells endpoints outside what happens: signed, at least once; what does not arrive is kept and shown."""

from interlock.webhooks.state import Standing, state_of
from interlock.webhooks.webhooks import Webhooks

__all__ = ["Standing", "Webhooks", "state_of"]
