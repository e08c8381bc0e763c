"""Writes around Interlock: found in PostgreSQL's own log, each told once, so that a problem opens.

The server writes what changes data into its log (`log_statement = mod`, as JSON) before it does it. Sampling
pg_stat_activity instead would miss whatever is quicker than the next look. What the log misses, and what it says too
much, stands in docs/security/adjustments.md.
"""

from interlock.runners.writes.blind import blind_spots
from interlock.runners.writes.strangers import Stranger, strangers
from interlock.runners.writes.watching import Look, NoLog, look

__all__ = ["Look", "NoLog", "Stranger", "blind_spots", "look", "strangers"]
