"""Folded situations are kept beside the log; the later position stays."""

from __future__ import annotations

from interlock.ledger import Ledger


async def test_the_later_snapshot_stays_whoever_stores_last(ledger: Ledger) -> None:
    assert await ledger.load_snapshot("shop", "situation", 1) is None
    await ledger.store_snapshot("shop", "situation", 1, 200, b"at 200")
    await ledger.store_snapshot("shop", "situation", 1, 100, b"at 100")
    assert await ledger.load_snapshot("shop", "situation", 1) == (200, b"at 200")
    await ledger.store_snapshot("shop", "situation", 1, 300, b"at 300")
    assert await ledger.load_snapshot("shop", "situation", 1) == (300, b"at 300")


async def test_shapes_kinds_and_projects_have_snapshots_of_their_own(ledger: Ledger) -> None:
    await ledger.store_snapshot("shop", "situation", 1, 200, b"first shape")
    for project, kind, version in (("shop", "situation", 2), ("shop", "other", 1), ("bank", "situation", 1)):
        assert await ledger.load_snapshot(project, kind, version) is None
