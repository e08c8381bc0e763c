"""The policy is data, and two persons change it: one proposes the whole of it, another one approves exactly that."""

from __future__ import annotations

from interlock.cli.demo.playing import Play, event_of

REASON = "Snapshots older than three days hid a slow migration; settlement had two incidents this year."
SNAPSHOT_AGE_HOURS = 72


def play(play: Play) -> None:
    """Tighten a figure, and add a core area: from now on stage's approval must cover it."""
    play.at("11-23 10:00")
    document = play.get("/policy")["document"]
    document["snapshot_age_hours"] = SNAPSHOT_AGE_HOURS
    document["core_areas"] = [*document["core_areas"], "settlement"]
    proposed = event_of(play.do("admin-1", "ProposePolicy", document=document, reason=REASON), "PolicyProposed")
    read = {"version": proposed["version"], "document_digest": proposed["document_digest"]}
    play.later(minutes=5)
    play.refused("admin-1", "ApprovePolicy", **read, because="proposer-is-another")
    play.at("11-23 15:30")
    play.do("admin-2", "ApprovePolicy", **read)
