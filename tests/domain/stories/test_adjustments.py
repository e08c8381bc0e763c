"""Stories of data adjustments: what must never let one through, and what must not stop one for ever."""
# Long: one story a test, all with the same people and the same adjustment.

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from interlock.domain.commands.adjustment import (
    AmendAdjustment,
    DisputeAdjustmentResult,
    RejectAdjustment,
    ResolveAdjustment,
    StartAdjustmentRehearsal,
    VerifyAdjustmentResult,
)
from interlock.domain.commands.environment import BreakLease, StateContent
from interlock.domain.commands.governance import GrantRole, RevokeRole
from interlock.domain.commands.problem import ResolveProblem
from interlock.events.catalogue.parts import Observed
from interlock.events.envelope import Actor
from tests.domain import adjusting, given
from tests.domain.adjusting import NAME, OPERATOR, SCRATCH, backup, committing, executed_report, starting, verification
from tests.domain.given import PRODUCTION, STAGE, Story
from tests.domain.story import SATURDAY_09, digest, identity, lacks


def chain(story: Story, name: str = NAME) -> list[str]:
    """What the adjustment's own stream tells."""
    return [recorded.type.removeprefix("DataAdjust") for recorded in story.events if recorded.stream.endswith(name)]


def who(story: Story, kind: str) -> list[str]:
    return [recorded.actor.id for recorded in story.events if recorded.type == kind]


def test_one_adjustment_from_its_request_to_its_checked_result() -> None:
    story = adjusting.ready()
    adjusting.request(story, "dora")
    adjusting.rehearse(story)
    adjusting.verify(story, "qa-1", "qa-2")
    adjusting.execute(story)
    story.do("reviewer-1", VerifyAdjustmentResult(adjustment=NAME, method="counted again"))
    assert chain(story) == [
        "Requested", "Rehearsed", "Verified", "Verified", "Authorized", "BackupTaken", "Started", "Executed",
        "ResultVerified",
    ]  # fmt: skip
    assert who(story, "DataAdjustVerified") == ["qa-1", "qa-2"]
    assert who(story, "DataAdjustExecuted") == [OPERATOR]


def test_the_operator_changes_after_the_authorization() -> None:
    story = adjusting.authorized()
    adjusting.designate(story, "anton")
    assert set(lacks(story.refuse(OPERATOR, starting(story)).decision)) == {
        "operator-designated",
        "authorization-valid",
    }
    assert set(lacks(story.refuse("anton", starting(story)).decision)) == {"authorization-valid"}
    story.tick(seconds=1)
    assert len(adjusting.of(story).verifications) == 2
    story.refuse(OPERATOR, starting(story), "operator-designated")
    adjusting.execute(story, who="anton")


def test_the_operator_changes_in_the_middle_of_the_execution() -> None:
    story = adjusting.backed_up()
    adjusting.designate(story, "anton")
    story.tick(seconds=1)
    assert set(lacks(story.refuse(OPERATOR, committing(story)).decision)) == {"operator-designated"}
    story.refuse("anton", committing(story), "lease-held")
    story.do(OPERATOR, adjusting.failed_report(story))
    adjusting.execute(story, who="anton")


def test_a_verifier_is_designated_as_operator() -> None:
    story = adjusting.authorized()
    adjusting.designate(story, "qa-1")
    assert set(adjusting.of(story).verifications) == {"qa-2"}
    story.tick(hours=1)
    missing = lacks(story.refuse("qa-1", starting(story)).decision)
    assert set(missing) == {"adjustment-verified", "authorization-valid"}
    assert missing["adjustment-verified"].who == ("vera",)
    adjusting.verify(story, "vera")
    adjusting.execute(story, who="qa-1")


def test_his_verification_does_not_come_back_when_he_is_operator_no_more() -> None:
    story = adjusting.authorized()
    adjusting.designate(story, "qa-1")
    adjusting.designate(story, OPERATOR)
    story.tick(hours=1)
    assert adjusting.of(story).authorization is None
    adjusting.verify(story, "qa-1")
    assert adjusting.of(story).authorization is not None


def test_a_verifier_stands_in_for_the_operator() -> None:
    story = adjusting.authorized()
    adjusting.designate(story, "qa-1", hours=2)
    story.tick(minutes=1)
    missing = lacks(story.refuse("qa-1", starting(story)).decision)
    assert set(missing) == {"adjustment-verified", "authorization-valid"}
    story.refuse(OPERATOR, starting(story), "operator-designated")
    story.tick(hours=2)
    assert adjusting.of(story).authorization is None
    adjusting.verify(story, "vera")
    assert set(adjusting.of(story).verifications) == {"qa-2", "vera"}
    adjusting.execute(story)


def test_a_deputy_s_time_ends_and_the_operator_had_verified_meanwhile() -> None:
    """Only time passes, so no event takes his verification away: it is not counted."""
    story = adjusting.rehearsed()
    adjusting.designate(story, "qa-1")
    adjusting.designate(story, "anton", hours=2)
    adjusting.verify(story, "qa-1", "qa-2")
    authorization = adjusting.of(story).authorization
    assert authorization is not None
    assert authorization.operator == "anton"
    story.tick(hours=2)
    missing = lacks(story.refuse("qa-1", starting(story)).decision)
    assert set(missing) == {"verifiers-independent", "authorization-valid"}
    assert missing["verifiers-independent"].observed == "qa-1 asked for it or executes it"
    adjusting.verify(story, "vera")
    adjusting.execute(story, who="qa-1")


def test_a_deputy_s_time_ends_in_the_middle_of_the_execution() -> None:
    story = adjusting.authorized()
    adjusting.designate(story, "anton", minutes=10)
    story.tick(seconds=1)
    story.do("anton", starting(story))
    story.do("anton", backup(story))
    story.tick(minutes=10)
    assert "operator-designated" in lacks(story.refuse("anton", committing(story)).decision)
    story.do("anton", adjusting.failed_report(story))
    adjusting.execute(story)


@pytest.mark.parametrize("moment", ["before the start", "before the commit"])
def test_a_verifier_loses_the_role(moment: str) -> None:
    story = adjusting.authorized() if moment == "before the start" else adjusting.backed_up()
    make = starting if moment == "before the start" else committing
    story.do("admin-1", RevokeRole(principal="qa-2", role="verifier", reason="other work"))
    missing = lacks(story.refuse(OPERATOR, make(story)).decision)
    assert set(missing) == {"adjustment-verified"}
    assert missing["adjustment-verified"].observed == "1 of 2: qa-1"
    adjusting.verify(story, "vera")
    story.do(OPERATOR, make(story))


def test_a_verifier_loses_the_role_before_the_last_verification() -> None:
    story = adjusting.verified()
    story.do("admin-1", RevokeRole(principal="qa-1", role="verifier", reason="other work"))
    adjusting.verify(story, "qa-2")
    story.tick(hours=1)
    assert adjusting.of(story).authorization is None
    story.both("admin-1", "admin-2", GrantRole(principal="qa-1", role="verifier"))
    story.tick(seconds=1)
    assert adjusting.of(story).authorization is not None


@pytest.mark.parametrize("end", ["expired", "broken"])
def test_the_lease_is_lost_before_the_commit_is_decided(end: str) -> None:
    story = adjusting.backed_up()
    commit, report = committing(story), executed_report(story)
    lose(story, end)
    assert story.situation.environment(PRODUCTION).unsure is None
    story.refuse(OPERATOR, commit, "lease-held", "backup-taken")
    assert "DataAdjustStarted" not in story.types()
    adjusting.execute(given.copied(story))
    # Who commits all the same has done it around Interlock, and that is told.
    story.do(OPERATOR, report)
    assert story.types()[-3:] == ["FactObserved", "EnvironmentUnsure", "ProblemReported"]


@pytest.mark.parametrize("end", ["expired", "broken"])
@pytest.mark.parametrize("outcome", ["executed", "rolled_back"])
def test_the_lease_is_lost_after_the_commit_was_decided(end: str, outcome: str) -> None:
    story = adjusting.committed()
    marker = adjusting.attempt(story).marker or ""
    report = executed_report(story)
    lose(story, end)
    place = story.situation.environment(PRODUCTION)
    assert place.unsure is not None
    assert place.unsure.retriable is None
    story.refuse(OPERATOR, starting(story), "adjustment-open")
    command = ResolveAdjustment(
        adjustment=NAME,
        marker=marker,
        outcome=outcome,  # type: ignore[arg-type]
        observed=Observed(identity=identity(PRODUCTION)),
        statements=report.statements if outcome == "executed" else (),
        rows=report.rows,
        before=report.before,
        after=report.after,
    )
    story.do("ci-1", command)
    assert story.situation.environment(PRODUCTION).unsure is not None
    if outcome == "executed":
        story.refuse(OPERATOR, starting(story), "adjustment-open")
    else:
        adjusting.execute(story)
    assert story.types().count("DataAdjustExecuted") == 1
    calm(story)


def lose(story: Story, end: str) -> None:
    if end == "expired":
        story.tick(minutes=15)
    else:
        lease = given.lease(story, PRODUCTION)
        story.do("rm-1", BreakLease(environment=PRODUCTION, lease=lease, reason="stuck"))


def calm(story: Story) -> None:
    """Two persons say what is there, the result is looked at, the problem is solved: nothing is left to do."""
    content = StateContent(
        environment=PRODUCTION,
        state="content",
        release="4.11.0",
        content_digest=digest("4.11.0"),
        schema_digest=digest("schema"),
        reason="we looked",
    )
    story.both("rm-1", "qa-1", content)
    story.do("reviewer-1", VerifyAdjustmentResult(adjustment=NAME, method="counted"))
    for problem in list(story.situation.problems.values()):
        story.do("qa-1", ResolveProblem(problem=problem.problem, how="the marker told it"))
    assert story.situation.environment(PRODUCTION).unsure is None
    assert not story.situation.problems
    assert not story.situation.adjustments


@pytest.mark.parametrize("moment", ["authorized", "open transaction"])
def test_the_policy_becomes_stricter(moment: str) -> None:
    story = adjusting.authorized() if moment == "authorized" else adjusting.backed_up()
    make = starting if moment == "authorized" else committing
    adjusting.tightened(story, verifications=3)
    assert set(lacks(story.refuse(OPERATOR, make(story)).decision)) == {"adjustment-verified"}
    adjusting.verify(story, "vera")
    story.do(OPERATOR, make(story))


def test_the_policy_becomes_laxer_and_the_one_it_was_requested_under_still_binds() -> None:
    story = adjusting.ready()
    adjusting.tightened(story, verifications=3)
    adjusting.request(story)
    adjusting.tightened(story, verifications=2)
    adjusting.rehearse(story)
    adjusting.verify(story, "qa-1", "qa-2")
    assert adjusting.of(story).authorization is None
    assert {2, 3} <= set(story.situation.policies)
    adjusting.verify(story, "vera")
    adjusting.execute(story)
    story.do("reviewer-1", VerifyAdjustmentResult(adjustment=NAME, method="counted"))
    adjusting.tightened(story, verifications=3)
    assert 2 not in story.situation.policies


def test_the_policy_asks_for_fresher_data() -> None:
    story = adjusting.ready()
    story.tick(hours=30)
    adjusting.request(story)
    adjusting.rehearse(story)
    adjusting.verify(story, "qa-1", "qa-2")
    adjusting.tightened(story, snapshot_age_hours=24)
    assert set(lacks(story.refuse(OPERATOR, starting(story)).decision)) == {"adjustment-rehearsed"}
    story.refuse("ci-1", adjusting.start_rehearsal(story), "rehearsed-on-production-data")
    story.restore()
    adjusting.rehearse(story)
    adjusting.execute(story)


def test_the_content_is_amended_after_the_first_verification() -> None:
    story = adjusting.verified()
    read = verification(story)
    story.do("dora", AmendAdjustment(adjustment=NAME, plan=adjusting.plan(salt=" 2"), reason="all of them"))
    story.refuse("qa-2", read, "adjustment-unchanged", "adjustment-rehearsed")
    adjusting.rehearse(story)
    assert set(lacks(story.refuse("qa-2", read).decision)) == {"adjustment-unchanged"}
    adjusting.verify(story, "qa-2")
    assert adjusting.of(story).authorization is None
    adjusting.verify(story, "qa-1")
    adjusting.execute(story)


def test_who_amended_it_is_no_verifier_of_it_any_more() -> None:
    story = adjusting.verified()
    story.do("qa-2", AmendAdjustment(adjustment=NAME, plan=adjusting.plan(salt=" 2"), reason="all of them"))
    adjusting.rehearse(story)
    adjusting.verify(story, "qa-1")
    story.refuse("qa-2", verification(story), "verifier-independent")
    adjusting.verify(story, "vera")
    adjusting.execute(story)


def test_the_requester_has_a_second_key() -> None:
    story = adjusting.ready()
    adjusting.request(story, "qa-1")
    adjusting.rehearse(story)
    for credential in ("key-of-qa-1", "another key", None):
        other = Actor(id="qa-1", kind="person", credential=credential)
        refused = story.refuse(other, verification(story))
        assert set(lacks(refused.decision)) == {"verifier-independent"}


def test_one_person_verifies_twice_in_parallel() -> None:
    """Both commands were given before either was decided; they are decided one after the other."""
    story = adjusting.rehearsed()
    first = second = verification(story)
    one = Actor(id="qa-1", kind="person", credential="key-1")
    two = Actor(id="qa-1", kind="person", credential="key-2")
    story.do(one, first)
    assert not story.do(two, second).facts
    assert adjusting.of(story).authorization is None
    assert story.types().count("DataAdjustVerified") == 1


def test_two_persons_verify_in_parallel_and_it_is_authorized_once() -> None:
    story = adjusting.verified()
    command = verification(story)
    story.do("qa-2", command)
    story.do("vera", command)
    assert story.types().count("DataAdjustAuthorized") == 1


def test_the_authorization_is_over() -> None:
    story = adjusting.authorized()
    story.tick(hours=24)
    missing = lacks(story.refuse(OPERATOR, starting(story)).decision)
    assert set(missing) == {"adjustment-verified", "verifiers-independent", "authorization-valid"}
    adjusting.verify(story, "qa-1")
    assert adjusting.of(story).authorization is None
    adjusting.verify(story, "qa-2")
    adjusting.execute(story)


def test_the_request_is_over() -> None:
    story = adjusting.authorized()
    start = starting(story)
    story.tick(days=7)
    assert chain(story)[-1] == "Expired"
    assert not story.situation.adjustments
    story.refuse(OPERATOR, start, "adjustment-open")
    story.refuse("qa-1", replace(verification(adjusting.authorized())), "adjustment-open")


def test_it_is_executed_a_second_time() -> None:
    story = adjusting.executed()
    start = starting(story)
    assert set(lacks(story.refuse(OPERATOR, start).decision)) == {"adjustment-open"}
    story.do("reviewer-1", VerifyAdjustmentResult(adjustment=NAME, method="counted"))
    story.refuse(OPERATOR, start, "adjustment-open")
    assert story.types().count("DataAdjustExecuted") == 1


def test_two_starts_at_once_are_one() -> None:
    story = adjusting.started()
    assert set(lacks(story.refuse(OPERATOR, starting(story)).decision)) == {"environment-free"}


@pytest.mark.parametrize("moment", ["start", "commit"])
def test_it_is_the_wrong_database(moment: str) -> None:
    story = adjusting.authorized() if moment == "start" else adjusting.backed_up()
    command = starting(story) if moment == "start" else committing(story)
    wrong = replace(command, observed=adjusting.wrong_place(command.observed))
    assert set(lacks(story.refuse(OPERATOR, wrong).decision)) == {"environment-identified", "target-identified"}


def test_a_verifier_says_no() -> None:
    story = adjusting.authorized()
    bound = adjusting.of(story).bound_digest
    story.do("vera", RejectAdjustment(adjustment=NAME, bound_digest=bound, reason="a fill is missing"))
    story.refuse(OPERATOR, starting(story), "adjustment-verified", "authorization-valid")
    story.do("dora", AmendAdjustment(adjustment=NAME, plan=adjusting.plan(salt=" 2"), reason="with that fill"))
    adjusting.rehearse(story)
    adjusting.verify(story, "vera", "qa-1")
    adjusting.execute(story)


def test_it_is_taken_back_under_the_same_rules() -> None:
    story = adjusting.executed()
    name = story.do("anton", adjusting.reverting()).facts[0].event.adjustment
    story.refuse(OPERATOR, starting(story, name), "adjustment-rehearsed", "adjustment-verified", "authorization-valid")
    adjusting.rehearse(story, name)
    adjusting.verify(story, "qa-1", "qa-2", name=name)
    adjusting.execute(story, name)
    assert chain(story)[-1] == "Reverted"
    assert story.event("DataAdjustReverted").by == name
    assert set(story.situation.adjustments) == {name}
    story.do("reviewer-1", VerifyAdjustmentResult(adjustment=name, method="as it was before"))
    assert not story.situation.adjustments


def test_what_is_closed_is_taken_back_too() -> None:
    story = adjusting.executed()
    story.do("reviewer-1", VerifyAdjustmentResult(adjustment=NAME, method="counted"))
    name = adjusting.revert(story, "anton")
    adjusting.execute(story, name)
    assert chain(story)[-1] == "Reverted"
    assert [e.version for e in story.events if e.stream == f"adjustment/{NAME}"] == list(
        range(1, len(chain(story)) + 1)
    )
    assert set(story.situation.adjustments) == {name}
    story.refuse("anton", adjusting.reverting(), "reverted-once")


def test_production_s_schema_changed_after_the_rehearsal() -> None:
    story = adjusting.with_scratch()
    story.prepared("4.12.0").at(SATURDAY_09).check_logs()
    adjusting.rehearse(story, environment=SCRATCH)
    adjusting.verify(story, "qa-1", "qa-2")
    story.do(OPERATOR, starting(given.copied(story)))
    story.do(OPERATOR, adjusting.failed_report(story))
    story.deploy("4.12.0", PRODUCTION)
    assert set(lacks(story.refuse(OPERATOR, starting(story)).decision)) == {"adjustment-rehearsed"}
    told_old = replace(starting(story), observed=replace(starting(story).observed, schema_digest=digest("schema")))
    assert set(lacks(story.refuse(OPERATOR, told_old).decision)) == {"adjustment-rehearsed"}
    story.refuse(
        "ci-1", old_schema(adjusting.start_rehearsal(story, environment=SCRATCH)), "rehearsed-on-production-data"
    )
    story.restore(SCRATCH)
    adjusting.rehearse(story, environment=SCRATCH)
    adjusting.execute(story)


def old_schema(command: StartAdjustmentRehearsal) -> StartAdjustmentRehearsal:
    """What the runner reads in scratch before it is restored again."""
    return replace(command, observed=replace(command.observed, schema_digest=digest("schema")))


def test_production_has_another_schema_than_the_record_says() -> None:
    story = adjusting.authorized()
    other = Observed(identity=identity(PRODUCTION), schema_digest=digest("another schema"))
    command = replace(starting(story), observed=other)
    assert set(lacks(story.refuse(OPERATOR, command).decision)) == {"adjustment-rehearsed"}


def test_its_result_is_not_right() -> None:
    story = adjusting.executed()
    story.do("qa-1", DisputeAdjustmentResult(adjustment=NAME, reason="15 fills are gone"))
    assert story.event("ProblemReported").environment == PRODUCTION
    name = adjusting.revert(story, "anton")
    adjusting.execute(story, name)
    assert chain(story)[-2:] == ["ResultDisputed", "Reverted"]
    assert set(story.situation.adjustments) == {name}


def test_a_rehearsal_in_stage_leaves_the_release_there_on_its_way() -> None:
    story = given.rehearsed()
    before = set(lacks(story.gate("4.12.0", PRODUCTION)))
    adjusting.request(story)
    story.do("ci-1", adjusting.start_rehearsal(story))
    story.now += timedelta(minutes=15)
    story.watch()
    assert set(lacks(story.gate("4.12.0", PRODUCTION))) == before
    assert story.situation.environment(STAGE).unsure is None
