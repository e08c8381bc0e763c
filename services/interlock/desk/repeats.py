"""Commands that come again: the first answer, rebuilt from its events."""

from __future__ import annotations

from collections.abc import Sequence

from interlock.desk.answer import repeated_answer
from interlock.desk.deciding import Waiting
from interlock.desk.errors import CommandIdReused
from interlock.desk.reading import Log, decoded
from interlock.desk.rules import AnyRecorded, Rules


async def answer_known(at: Log, project: str, waiting: Sequence[Waiting], rules: Rules) -> set[int]:
    """Answer those of `waiting` whose ids left events, however long ago; return the identities of these.

    An id that was used for another request gets CommandIdReused.
    """
    if not waiting:
        return set()
    known = await at.answers(project, [one.command_id for one in waiting])
    answered: set[int] = set()
    for one in waiting:
        answer = known.get(one.command_id)
        if answer is None:
            continue
        answered.add(id(one))
        if answer.request_hash != one.request_hash:
            one.fail(CommandIdReused(str(one.command_id)))
            continue
        recorded = tuple(decoded(stored.body, stored.position) for stored in answer.events)
        one.answer(repeated_answer(recorded, await _subject_of(at, project, recorded), rules))
    return answered


async def _subject_of(at: Log, project: str, recorded: Sequence[AnyRecorded]) -> str:
    """Return the stream that the command was about: the one that begins at its events' correlation."""
    begins = recorded[0].correlation
    if begins is None:
        return recorded[0].stream
    for event in recorded:
        if event.position == begins:
            return event.stream
    return (await at.read(project, after=begins - 1, limit=1))[0].stream
