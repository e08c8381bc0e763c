"""What a command is answered with, the first time and each time it comes again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from interlock.events.catalogue.refusals import ActionRefused

if TYPE_CHECKING:
    from interlock.desk.rules import AnyRecorded, Rules, Verdict
    from interlock.events.decision import Decision


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one command, equal to the first one whenever the command comes again.

    `recorded` are its events in order of position, none when there was nothing new to record. `subject` is the
    stream of what it was about; `position` the last one written for it, or seen when nothing was. `decision` and
    `reason` ("check", "role" or "missing") are there when it was refused, and `refusal` is the position of the
    recorded refusal, which may be that of the same one within the last hour.
    """

    status: Literal["accepted", "refused"]
    recorded: tuple[AnyRecorded, ...]
    position: int
    subject: str
    decision: Decision | None = None
    reason: str | None = None
    refusal: int | None = None
    repeated: bool = field(default=False, compare=False)


def first_answer(verdict: Verdict, recorded: tuple[AnyRecorded, ...], position: int) -> Answer:
    """Return the answer to a command that was just decided; `position` is the last one seen."""
    if verdict.decision is None:
        if not recorded:
            return Answer("accepted", (), position, verdict.subject)
        # Its stream may be one that no event ever went into; then nothing tells it when the answer is rebuilt.
        subject = verdict.subject if recorded[0].correlation is not None else recorded[0].stream
        return Answer("accepted", recorded, recorded[-1].position, subject)
    refusal = recorded[0].position if recorded else verdict.refusal
    return Answer(
        "refused",
        recorded,
        recorded[-1].position if recorded else position,
        verdict.subject,
        verdict.decision,
        verdict.reason,
        refusal,
    )


def repeated_answer(recorded: tuple[AnyRecorded, ...], subject: str, rules: Rules) -> Answer:
    """Rebuild the first answer from all of the command's events (at least one); `subject` is its subject's stream."""
    first, last = recorded[0], recorded[-1]
    if isinstance(first.event, ActionRefused):
        decision = first.event.decision
        return Answer(
            "refused",
            recorded,
            last.position,
            first.event.subject,
            decision,
            rules.reason_of(decision),
            first.position,
            repeated=True,
        )
    return Answer("accepted", recorded, last.position, subject, repeated=True)
