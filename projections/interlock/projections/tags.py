"""What each event of the audit trail can be found by: for each tag, the positions of the events that have it.

The positions stand in blocks: a row is a tag, BLOCK_EVENTS positions of the log, and which of them have the tag. With a
row for each, tags were three quarters of the rows that a rebuild of the trail wrote, and a third of what it kept.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from interlock.events.catalogue.ledger import Annotated
from interlock.events.envelope import Recorded
from interlock.projections import mentions
from interlock.projections.projection import Added, Changes, Connection, Row, Together

TAG: Final = "read_model.audit_trail_2_tag"
# Stored: another size is another version of the trail. Two bytes a position: a row stays far below what is moved out
# of its page.
BLOCK_EVENTS: Final = 256

TAG_SCHEMA: Final = f"""
create table {TAG} (
    project text collate "C" not null,
    tag     text collate "C" not null,
    -- The positions from {BLOCK_EVENTS} x block on; `steps` is how far from there each one is that has the tag.
    block   bigint           not null,
    steps   smallint[]       not null,
    primary key (project, tag, block)
) with (fillfactor = 80);
alter table {TAG} alter column project set statistics 0;
"""
ADD_TAGS: Final = f"""
insert into {TAG} as known (project, tag, block, steps)
select $1, unnest($2::text[]), $3::bigint / {BLOCK_EVENTS}, array[($3::bigint % {BLOCK_EVENTS})::smallint]
on conflict (project, tag, block) do update set steps = known.steps || excluded.steps
"""
# Those blocks that a page goes on with; the others are new. Each is looked up by its key, as facets are.
_GO_ON: Final = f"""
with asked as materialized (
    select given.number, given.steps,
           (select known.ctid from {TAG} as known
             where known.project = given.project and known.tag = given.tag and known.block = given.block) as place
      from unnest($1::integer[], $2::text[], $3::text[], $4::bigint[], $5::text[])
           as given(number, project, tag, block, steps))
update {TAG} as known set steps = known.steps || asked.steps::smallint[] from asked where known.ctid = asked.place
returning asked.number
"""
# Of a tag that many events have, so many blocks are read first; where more are needed, twice as many each time.
BLOCKS_READ: Final = 16
TAGGED: Final = (
    ("release/", mentions.releases),
    ("environment/", mentions.environments),
    ("problem/", mentions.problems),
    ("adjustment/", mentions.adjustments),
    ("person/", mentions.persons),
)


def tags(recorded: Recorded[Any]) -> list[str]:
    """Return what an event can be found by, as `kind/name`."""
    found = [f"type/{recorded.type}"]
    for prefix, named in TAGGED:
        for name in named(recorded):
            found.append(prefix + name)
    if isinstance(recorded.event, Annotated):
        found.append(f"about/{recorded.event.target}")
    return found


def _blocks(rows: Sequence[Row]) -> Changes:
    """Return which blocks go on, and which begin: only a project's first one here can be there already."""
    blocks: dict[tuple[str, str, int], list[int]] = {}
    first: dict[str, int] = {}
    for project, named, position in rows:
        block, step = divmod(position, BLOCK_EVENTS)
        first.setdefault(project, block)
        for tag in named:
            key = (project, tag, block)
            if key in blocks:
                blocks[key].append(step)
            else:
                blocks[key] = [step]
    asked = [
        (number, *key, f"{{{','.join(map(str, steps))}}}")
        for number, (key, steps) in enumerate(blocks.items())
        if key[2] == first[key[0]]
    ]

    def added(found: Sequence[Any]) -> Sequence[Row]:
        there = {each["number"] for each in found}
        return [(*key, steps) for number, (key, steps) in enumerate(blocks.items()) if number not in there]

    return Changes(list(zip(*asked, strict=True)), added)


ADD_MANY_TAGS: Final = Together(_GO_ON, Added(TAG, ("project", "tag", "block", "steps")), _blocks)


async def positions(
    connection: Connection, project: str, named: Sequence[str], low: int, high: int, *, oldest_first: bool
) -> AsyncIterator[list[int]]:
    """Yield the positions in (`low`, `high`] of events that have all the tags `named`, in order, some at a time.

    Whoever has enough stops asking: of a tag that a million events have, only the blocks are read that a page needs.
    One statement that joins blocks and events and sorts them would be planned to sort all of them first.
    """
    statement = _blocks_with(len(named), oldest_first=oldest_first)
    first, last, limit = low // BLOCK_EVENTS, high // BLOCK_EVENTS, BLOCKS_READ
    while True:
        rows = await connection.fetch(statement, project, first, last, limit, *named)
        found = []
        for row in rows:
            steps = set(row["steps_0"]).intersection(*(row[f"steps_{number}"] for number in range(1, len(named))))
            begins = row["block"] * BLOCK_EVENTS
            found += [begins + step for step in sorted(steps, reverse=not oldest_first)]
        if found := [position for position in found if low < position <= high]:
            yield found
        if len(rows) < limit:
            return
        if oldest_first:
            first = rows[-1]["block"] + 1
        else:
            last = rows[-1]["block"] - 1
        limit *= 2


def _blocks_with(tags: int, *, oldest_first: bool) -> str:
    """Return the statement for those of the blocks $2 to $3, $4 at most, in which each of so many tags stands."""
    # The others' blocks are looked up by their keys, whatever the planner believes of how many there are.
    others = "".join(
        f", (select other.steps from {TAG} as other where other.project = $1 and other.tag = ${number + 5}"
        f" and other.block = lead.block) as steps_{number}"
        for number in range(1, tags)
    )
    in_all = "".join(f" and steps_{number} is not null" for number in range(1, tags))
    return (
        f"select * from (select lead.block, lead.steps as steps_0{others} from {TAG} as lead"
        f" where lead.project = $1 and lead.tag = $5) as found"
        f" where block >= $2 and block <= $3{in_all} order by block {'asc' if oldest_first else 'desc'} limit $4"
    )
