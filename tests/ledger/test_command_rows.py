"""A command's rows stand together, each in its place: so its answer can be rebuilt from them."""

from __future__ import annotations

import pytest

from interlock.ledger import ColumnsDiffer, Ledger
from tests.ledger.rows import PROJECT, append_one, command, rows_of, stamp


@pytest.mark.parametrize("ordinal", [0, 1, 3, -1, "2", 1.5, None, 10**15])
async def test_a_row_that_has_no_place_of_its_own_in_its_command_is_refused(ledger: Ledger, ordinal: object) -> None:
    head = await ledger.head(PROJECT)
    rows = rows_of(command(1), head.clock, first=1, streams=[("a", 1), ("a", 2), ("a", 3)])
    rows[2].body = rows_of(command(1), head.clock, first=3, streams=[("a", 3)], ordinal=ordinal)[0].body
    with pytest.raises(ColumnsDiffer):
        await ledger.append(PROJECT, rows)


async def test_a_row_of_another_command_than_the_one_it_stands_behind_is_refused(ledger: Ledger) -> None:
    await append_one(ledger, 1, events=2)
    head = await ledger.head(PROJECT)
    rows = rows_of(command(2), stamp(head), first=3, streams=[("a", 1), ("a", 2)])
    for other in (command(3), command(1)):
        rows[1].body = rows_of(other, stamp(head), first=4, streams=[("a", 2)], ordinal=1)[0].body
        with pytest.raises(ColumnsDiffer):
            await ledger.append(PROJECT, rows)
    # Nor behind one that was recorded before, where there is no room for it.
    behind = rows_of(command(1), stamp(head), first=3, streams=[("stream-1", 3)], ordinal=2)[0]
    behind.command_id = behind.request_hash = behind.command_events = None
    with pytest.raises(ColumnsDiffer):
        await ledger.append(PROJECT, [behind])
