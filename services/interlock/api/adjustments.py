"""Questions about adjustments of data: which, how each went, and what stands between one and its execution."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from interlock.api.asked import Reader, read_moment, rules_moment
from interlock.api.cursors import next_page, place_of
from interlock.api.documents import answer
from interlock.api.openapi import DECISION, Documented
from interlock.api.problems import not_found
from interlock.api.query import AdjustmentsQuery, Asking, Reading
from interlock.domain.commands.adjustment import CancelAdjustment
from interlock.domain.explain import adjustment_gate
from interlock.events.codec import plain
from interlock.events.values import Name
from interlock.projections import adjustment_chain as read

AdjustmentName = Annotated[Name, Path(description="as in ADJ-57")]

router = APIRouter(prefix="/v1/{project}", tags=["adjustments"])


@router.get("/adjustments", **Documented.of())
async def which_adjustments(request: Request, asked: Reader, query: Annotated[AdjustmentsQuery, Query()]) -> Response:
    """The adjustments, the newest first. Open is what somebody must still look at, until its result is checked."""
    place = place_of(request, query)
    moment = await read_moment(asked, query, pinned=place.position)
    async with asked.parts.connection() as connection:
        rows = await read.adjustments(
            connection, asked.project, at=moment.position, state=query.state, before=place.key, limit=query.limit
        )
    members, headers = next_page(
        request, query, rows, key="requested_position", position=moment.position, limit=query.limit
    )
    return answer({"adjustments": rows, **members}, position=moment.position, headers=headers)


@router.get("/adjustments/{name}", **Documented.of())
async def one_adjustment(asked: Reader, name: AdjustmentName, query: Annotated[Reading, Query()]) -> Response:
    """One adjustment: its plan and its whole chain, what became void with what voided it.

    Its ETag is the version for If-Match. It is never answered 304: what happens to people, to data elsewhere, or to
    a remark changes the chain, and leaves the version.
    """
    moment = await read_moment(asked, query)
    async with asked.parts.connection() as connection:
        row = await read.adjustment(connection, asked.project, name, at=moment.position)
    if row is None:
        raise not_found("adjustment", name)
    return answer(row, position=moment.position, headers={"ETag": f'"{row["version"]}"'})


@router.get("/adjustments/{name}/gate", tags=["why"], **Documented.of(DECISION))
async def its_gate(asked: Reader, name: AdjustmentName, query: Annotated[Asking, Query()]) -> Response:
    """What stands between it and its execution, the checks of its authorization included, for whoever is operator.

    What only the runner can find in the database is compared when it starts.
    """
    about = CancelAdjustment(adjustment=name, reason="-")
    situation, now = await rules_moment(asked, query, about=about)
    if name not in situation.adjustments:
        raise not_found("adjustment", name)
    return answer(plain(adjustment_gate(situation, name, now)), position=situation.position)
