"""What waits for somebody: one form for all of it."""

from __future__ import annotations

from datetime import datetime

from interlock.events.fact import fact


@fact
class Obligation:
    """`who` (principal ids; any one of them) should do `what` about `subject`, by `by`, with `command`."""

    who: tuple[str, ...]
    what: str
    command: str
    subject: str
    since: datetime | None = None
    by: datetime | None = None
    overdue: bool = False
