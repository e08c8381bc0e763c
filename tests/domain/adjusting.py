"""How far an adjustment of data has come when a test begins: told once, copied for each test."""
# Long: one way in steps, each built on the one before it and told once.

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

from interlock.domain import policy as policies
from interlock.domain.commands.adjustment import (
    CommitAdjustment,
    ReportAdjustmentBackup,
    ReportAdjustmentExecuted,
    ReportAdjustmentFailed,
    ReportAdjustmentRehearsed,
    RequestAdjustment,
    StartAdjustment,
    StartAdjustmentRehearsal,
    VerifyAdjustment,
)
from interlock.domain.commands.environment import RegisterEnvironment
from interlock.domain.commands.governance import ApprovePolicy, DesignateOperator, ProposePolicy
from interlock.domain.decide import Accepted
from interlock.domain.decide.adjustment import bound_digest, marker_of
from interlock.domain.explain import adjustment_gate
from interlock.domain.situation import Adjustment, AdjustmentAttempt
from interlock.events.catalogue.parts import (
    AdjustmentPlan,
    AdjustmentTargets,
    ExecutedStatement,
    ExpectedEffect,
    Observed,
)
from interlock.events.decision import Decision
from tests.domain import given
from tests.domain import story as tell
from tests.domain.given import PRODUCTION, STAGE, Story, copied
from tests.domain.story import digest, identity

NAME = "ADJ-1"
SCRATCH = "scratch"
ROWS = 14
OPERATOR = "operator-1"


def plan(**more: Any) -> AdjustmentPlan:
    """Fourteen fills were booked twice: a plan that differs from others by what is given."""
    salt = more.pop("salt", "")
    rows = more.pop("rows", (ROWS, ROWS))
    fields: dict[str, Any] = {
        "purpose": "Fourteen fills were booked twice.",
        "script_digest": digest(f"script{salt}"),
        "targets": AdjustmentTargets(environment=PRODUCTION, identity=identity(PRODUCTION), tables=("trades.fills",)),
        "precondition_digest": digest("precondition"),
        "expected_effect": ExpectedEffect(rows_min=rows[0], rows_max=rows[1], queries_digest=digest("effect")),
        "undo_digest": digest(f"undo{salt}"),
        "risk": "normal",
    }
    return AdjustmentPlan(**(fields | more))


def request(story: Story, who: str = "dora", reverts: str | None = None, **more: Any) -> str:
    """Ask for an adjustment; give its name."""
    facts = story.do(who, RequestAdjustment(plan=plan(**more), reverts=reverts)).facts
    name: str = facts[0].event.adjustment
    return name


def reverting(name: str = NAME) -> RequestAdjustment:
    """What takes an executed adjustment back: its undo script, as a plan of its own."""
    back = plan(script_digest=digest("undo"), undo_digest=digest(f"redo {name}"))
    return RequestAdjustment(plan=back, reverts=name)


def revert(story: Story, who: str = "dora") -> str:
    """Ask that ADJ-1 be taken back, rehearse that and let it be authorized; give its name."""
    name: str = story.do(who, reverting()).facts[0].event.adjustment
    rehearse(story, name)
    verify(story, "qa-1", "qa-2", name=name)
    return name


def bound(purpose: str) -> str:
    """The digest of a plan with another purpose."""
    return bound_digest(plan(purpose=purpose))


def gate(story: Story, name: str = NAME) -> Decision:
    """What stands before its execution now."""
    return adjustment_gate(story.situation, name, story.now)


def of(story: Story, name: str = NAME) -> Adjustment:
    """The adjustment as it is now."""
    return story.situation.adjustments[name]


def attempt(story: Story, name: str = NAME) -> AdjustmentAttempt:
    """Its execution under way."""
    found = of(story, name).attempt
    assert found is not None
    return found


def seen_in(story: Story, environment: str) -> Observed:
    """What an honest runner reads there: the place's identity, and production's schema."""
    schema = story.situation.environment(PRODUCTION).mark.schema_digest
    return Observed(identity=identity(environment), schema_digest=schema)


def start_rehearsal(story: Story, name: str = NAME, environment: str = STAGE) -> StartAdjustmentRehearsal:
    return StartAdjustmentRehearsal(adjustment=name, environment=environment, observed=seen_in(story, environment))


def rehearsed_report(story: Story, name: str = NAME, environment: str = STAGE) -> ReportAdjustmentRehearsed:
    return ReportAdjustmentRehearsed(
        adjustment=name,
        environment=environment,
        fencing_token=given.token(story, environment),
        statements=statements(),
        rows=ROWS,
        before=digest("before"),
        after=digest("after"),
        duration_ms=120,
    )


def statements() -> tuple[ExecutedStatement, ...]:
    return (ExecutedStatement(digest=digest("delete"), command=f"DELETE {ROWS}", rows=ROWS),)


def rehearse(story: Story, name: str = NAME, environment: str = STAGE) -> None:
    """A whole rehearsal that goes well."""
    story.do("ci-1", start_rehearsal(story, name, environment))
    story.do("ci-1", rehearsed_report(story, name, environment))


def verification(story: Story, name: str = NAME) -> VerifyAdjustment:
    digest_read = of(story, name).bound_digest
    return VerifyAdjustment(adjustment=name, bound_digest=digest_read, method="read all of it")


def verify(story: Story, *who: str, name: str = NAME) -> None:
    """These persons stand for it, one after the other."""
    for person in who:
        story.tick(minutes=1)
        story.do(person, verification(story, name))


def starting(story: Story, name: str = NAME) -> StartAdjustment:
    return StartAdjustment(
        adjustment=name, bound_digest=of(story, name).bound_digest, observed=seen_in(story, PRODUCTION)
    )


def backup(story: Story, name: str = NAME) -> ReportAdjustmentBackup:
    return ReportAdjustmentBackup(
        adjustment=name,
        fencing_token=given.token(story, PRODUCTION),
        backup_digest=digest("backup"),
        place="runner-1:/var/backups/ADJ-1.copy",
        rows=ROWS,
        size_bytes=4096,
    )


def committing(story: Story, name: str = NAME, **more: Any) -> CommitAdjustment:
    token = given.token(story, PRODUCTION)
    fields: dict[str, Any] = {
        "adjustment": name,
        "fencing_token": token,
        "observed": seen_in(story, PRODUCTION),
        "rows": ROWS,
        "effect_holds": True,
        "before": digest("before"),
        "after": digest("after"),
        "marker": marker_of(name, token),
    }
    return CommitAdjustment(**(fields | more))


def executed_report(story: Story, name: str = NAME) -> ReportAdjustmentExecuted:
    return ReportAdjustmentExecuted(
        adjustment=name,
        fencing_token=given.token(story, PRODUCTION),
        statements=statements(),
        rows=ROWS,
        before=digest("before"),
        after=digest("after"),
        duration_ms=90,
    )


def failed_report(story: Story, transaction: Any = "rolled_back", name: str = NAME) -> ReportAdjustmentFailed:
    return ReportAdjustmentFailed(
        adjustment=name,
        fencing_token=given.token(story, PRODUCTION),
        transaction=transaction,
        error="the precondition does not hold" if transaction == "rolled_back" else "the connection was lost",
    )


def execute(story: Story, name: str = NAME, who: str = OPERATOR) -> Accepted:
    """The whole execution, which goes well."""
    for make in (starting, backup, committing):
        story.do(who, make(story, name))
    return story.do(who, executed_report(story, name))


def designate(story: Story, person: str, **until: float) -> None:
    """Two administrators make this person the operator; with a time, the deputy until then."""
    moment = story.now + timedelta(**until) if until else None
    story.both("admin-1", "admin-2", DesignateOperator(environment=PRODUCTION, principal=person, until=moment))


# -- moments ----------------------------------------------------------------------------------------------


@cache
def _told(make: Callable[[], Story]) -> Story:
    return make()


def _ready() -> Story:
    story = given.in_stage()
    story.tick(minutes=1).restore()
    return story


def _requested() -> Story:
    story = ready()
    request(story)
    return story


def _rehearsed() -> Story:
    story = requested()
    rehearse(story)
    return story


def _verified() -> Story:
    story = rehearsed()
    verify(story, "qa-1")
    return story


def _authorized() -> Story:
    story = verified()
    verify(story, "qa-2")
    return story


def _started() -> Story:
    story = authorized()
    story.tick(minutes=1).do(OPERATOR, starting(story))
    return story


def _backed_up() -> Story:
    story = started()
    story.do(OPERATOR, backup(story))
    return story


def _committing() -> Story:
    story = backed_up()
    story.do(OPERATOR, committing(story))
    return story


def _executed() -> Story:
    story = committed()
    story.do(OPERATOR, executed_report(story))
    return story


def _unknown() -> Story:
    story = committed()
    story.do(OPERATOR, failed_report(story, "unknown"))
    return story


def ready() -> Story:
    """Stage holds production's data; nothing is asked for yet."""
    return copied(_told(_ready))


def requested() -> Story:
    """dora asked for ADJ-1."""
    return copied(_told(_requested))


def rehearsed() -> Story:
    """ADJ-1 was rehearsed in stage."""
    return copied(_told(_rehearsed))


def verified() -> Story:
    """qa-1 stands for ADJ-1; one more is needed."""
    return copied(_told(_verified))


def authorized() -> Story:
    """qa-2 too: it is authorized for operator-1."""
    return copied(_told(_authorized))


def started() -> Story:
    """operator-1 holds production's lease for it."""
    return copied(_told(_started))


def backed_up() -> Story:
    """The touched rows are kept; the transaction is open."""
    return copied(_told(_backed_up))


def committed() -> Story:
    """The commit was decided; nobody said yet how it went."""
    return copied(_told(_committing))


def executed() -> Story:
    """It was committed."""
    return copied(_told(_executed))


def unknown() -> Story:
    """The answer to its commit was lost."""
    return copied(_told(_unknown))


def with_scratch() -> Story:
    """The policy names a scratch database, registered and restored from production; dora asked for ADJ-1."""
    return copied(_told(_with_scratch))


def scratch_registered() -> Story:
    """The policy names a scratch database, and it is registered; production runs 4.11.0."""
    return copied(_told(_scratch_registered))


def _scratch_registered() -> Story:
    story = tell.running({**policies.shipped(), "scratch": SCRATCH})
    story.do("admin-1", RegisterEnvironment(environment=SCRATCH, identity=identity(SCRATCH)))
    return story


def _with_scratch() -> Story:
    story = scratch_registered()
    story.restore(SCRATCH)
    request(story)
    return story


def tightened(story: Story, **figures: Any) -> None:
    """Another policy, with these figures, is in force at once."""
    document = {**story.situation.policies[story.situation.policy_version], **figures}
    event = story.do("admin-1", ProposePolicy(document=document, reason="stricter")).facts[0].event
    story.do("admin-2", ApprovePolicy(version=event.version, document_digest=event.document_digest))


def wrong_place(observed: Observed) -> Observed:
    """What is read in another database."""
    return replace(observed, identity=identity(STAGE))
