"""A desk that does not know what happened decides nothing; a newer one does."""

from __future__ import annotations

import pytest

from interlock.desk import UnknownEvent, reading
from interlock.events.codec import UnknownEventType, UnknownSchema, decode
from interlock.events.envelope import Recorded
from interlock.ledger import Ledger
from tests.desk.desks import PROJECT, Clerk, clerk_at, events_of
from tests.desk.tiny import Close, Note, Nothing, Open


def forget_releases(error: LookupError, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process be of a version that does not know the event."""

    def older(body: bytes) -> Recorded:
        recorded = decode(body)
        if recorded.type == "ReleaseOpened":
            raise error
        return recorded

    monkeypatch.setattr(reading, "decode", older)


@pytest.mark.parametrize("error", [UnknownEventType("ReleaseOpened"), UnknownSchema("ReleaseOpened 2")])
async def test_an_unknown_event_stops_the_project_and_an_upgrade_heals_it(
    clerk: Clerk, dsns, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, error: LookupError
):
    await clerk.say(Note())
    async with clerk_at(dsns.app) as newer:
        await newer.say(Open("4.12.0"))
    forget_releases(error, monkeypatch)
    for command in (Note(), Nothing(), Close("4.12.0"), Note()):
        with pytest.raises(UnknownEvent, match=r"ReleaseOpened at position 2 .*ReleaseOpened") as raised:
            await clerk.say(command)
        assert "upgrade" in str(raised.value)
    with pytest.raises(UnknownEvent):
        await clerk.desk.situation(PROJECT)
    assert len(await events_of(ledger)) == 3
    assert (await Clerk(clerk.desk, "another").say(Note())).status == "accepted"
    monkeypatch.undo()
    assert (await clerk.say(Close("4.12.0"))).position == 4


async def test_a_cold_desk_stops_too(clerk: Clerk, dsns, monkeypatch: pytest.MonkeyPatch):
    await clerk.say(Open("4.12.0"))
    forget_releases(UnknownEventType("ReleaseOpened"), monkeypatch)
    async with clerk_at(dsns.app) as other:
        with pytest.raises(UnknownEvent):
            await other.say(Note())
