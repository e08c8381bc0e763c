"""The orders that the problem left behind are put right: asked for, rehearsed, verified by two, executed by the one."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from interlock.cli import seams
from interlock.cli.demo.cast import CI, PRODUCTION, STAGE
from interlock.cli.demo.playing import Play, StoryStops, event_of

T = TypeVar("T")
OPERATOR = "operator-1"
TEXTS = {
    "script": "update trades.orders set state = 'rejected' where state = 'sent' and sent_at < '2026-11-25 10:30Z';\n",
    "undo": "update trades.orders set state = 'sent' where id between 9001 and 9017 and state = 'rejected';\n",
    "precondition": "select count(*) = 17 from trades.orders where state = 'sent' and sent_at < '2026-11-25 10:30Z';\n",
    "effect": "select count(*) = 0 from trades.orders where state = 'sent' and sent_at < '2026-11-25 10:30Z';\n",
}


def play(play: Play) -> None:
    """Wednesday afternoon: the gateway is mended, and 17 orders still say that they are on their way."""
    play.later(minutes=2)
    name, bound = requested(play)
    word = {"adjustment": name, "bound_digest": bound}
    rehearsed(play, name)
    play.later(minutes=2)
    method = "read it all, and counted the orders of the three clients"
    play.refused("anton", "VerifyAdjustment", **word, method=method, because="verifier-independent")
    play.do("qa-1", "VerifyAdjustment", **word, method=method)
    play.later(minutes=3)
    play.do("qa-2", "VerifyAdjustment", **word, method="read it all, and asked the three clients")
    play.later(minutes=1)
    seen = {"identity": play.identity(PRODUCTION), "schema_digest": play.databases.run(PRODUCTION)}
    play.refused("rm-1", "StartAdjustment", **word, observed=seen, because="operator-designated")
    executed(play, name)
    play.refused(OPERATOR, "StartAdjustment", **word, observed=seen, because="adjustment-open")
    play.later(minutes=3)
    play.do(
        "reviewer-1", "VerifyAdjustmentResult", adjustment=name, method="No order is on its way since before 10:30."
    )


def requested(play: Play) -> tuple[str, str]:
    """Let anton ask for it; return its name, and the digest that everybody else is bound to."""
    kept = {name: play.client("anton").put_evidence(text.encode(), "application/sql") for name, text in TEXTS.items()}
    plan = {
        "purpose": "17 orders that were rejected while the gateway reconnected still say that they are on their way.",
        "script_digest": kept["script"],
        "undo_digest": kept["undo"],
        "precondition_digest": kept["precondition"],
        "expected_effect": {"rows_min": 17, "rows_max": 17, "queries_digest": kept["effect"]},
        "targets": {"environment": PRODUCTION, "identity": play.identity(PRODUCTION), "tables": ["trades.orders"]},
        "risk": "normal",
    }
    made = event_of(play.do("anton", "RequestAdjustment", plan=plan), "DataAdjustRequested")
    return str(made["adjustment"]), str(made["bound_digest"])


def rehearsed(play: Play, name: str) -> None:
    """The runner does it in stage, on production's restored data, and rolls it back."""
    from interlock.events.catalogue.parts import Identity
    from interlock.events.strict import read
    from interlock.runners import adjust

    registered = read(Identity, play.identity(STAGE))
    connection = play.databases.connection(STAGE)
    work = adjust.rehearse(asker(play, CI), job(play, name), connection, environment=STAGE, registered=registered)
    play.reached(run(work).answer)


def executed(play: Play, name: str) -> None:
    """The operator's runner does it, once, for good."""
    from interlock.runners import adjust

    play.reached(
        run(adjust.execute(asker(play, OPERATOR), job(play, name), play.databases.connection(PRODUCTION))).answer
    )


def run(work: Coroutine[Any, Any, T]) -> T:
    """Let the runner work. Raises StoryStops."""
    from interlock.runners import adjust

    try:
        return asyncio.run(work)
    except (adjust.Stopped, adjust.NotReported, adjust.CannotTell, adjust.StillRunning) as stopped:
        raise StoryStops(f"the adjustment: {stopped}") from stopped


def asker(play: Play, who: str) -> Any:
    """Return how the runner asks Interlock as this member of the team."""
    from interlock.runners.adjust import Asker

    return Asker(play.client(who), clock=seams.monotonic, sleep=seams.pause)


def job(play: Play, name: str) -> Any:
    """Return what is to be done, with its texts from the evidence."""
    from interlock.events.catalogue.parts import AdjustmentPlan
    from interlock.events.strict import read
    from interlock.runners.adjust import job_of

    plan = play.get(f"/adjustments/{name}", after=play.position)["plan"]
    return job_of(name, read(AdjustmentPlan, plan), play.client("anton").get_evidence)
