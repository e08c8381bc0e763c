"""What waits for somebody: one form for all of it."""

from __future__ import annotations

from datetime import datetime

from interlock.events.fact import fact


@fact
class WhoMustAct:
    """The question, as `streams_needed` takes it: who may settle a problem depends on what is over and still runs."""


@fact
class Obligation:
    """`who` (principal ids; any one of them) should do `what` about `subject`, by `by`, with `command`.

    Where nobody did by then, it is also for those in `escalates_to`, who call upon the others or do it themselves.
    """

    who: tuple[str, ...]
    what: str
    command: str
    subject: str
    since: datetime | None = None
    by: datetime | None = None
    overdue: bool = False
    escalates_to: tuple[str, ...] = ()

    def concerns(self, person: str) -> bool:
        """Tell whether it is for this person now."""
        return person in self.who or (self.overdue and person in self.escalates_to)
