"""Whether the registered people could pass each gate: exact, and told with who is missing."""
# Long: the exact search, its check by trying everything, and the cases that both answer.

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from itertools import product
from random import Random
from typing import Any

import pytest

from interlock.domain.assignment import Part, Step, assignment, shortage, would_help
from interlock.domain.commands.adjustment import DisputeAdjustmentResult
from interlock.domain.commands.governance import DeactivatePrincipal, RevokeRole
from interlock.domain.policy import shipped
from interlock.domain.situation import EMPTY, Designation, Principal, Release, Situation, Team, Verdict
from interlock.domain.staffing import Lack, Staffing, staffing
from interlock.domain.staffing.members import scarcest
from tests.domain import adjusting, given
from tests.domain.story import MONDAY, PRODUCTION, Story

# -- the search


def part(name: str, who: Iterable[str]) -> Part:
    return Part(name=name, who=tuple(who), needs="x", mend="dt team grant PERSON x")


def by_trying_everything(step: Step) -> bool:
    names = [each.name for each in step.parts]
    for chosen in product(*(each.who for each in step.parts)):
        done = dict(zip(names, chosen, strict=True))
        if all(done[one] != done[other] for one, other in step.apart):
            return True
    return False


def any_step(random: Random) -> Step:
    people = "abcde"[: random.randint(1, 5)]
    parts = tuple(
        part(str(n), random.sample(people, random.randint(0, len(people)))) for n in range(random.randint(1, 6))
    )
    pairs = [(one.name, other.name) for one in parts for other in parts if one.name < other.name]
    return Step(name="x", parts=parts, apart=tuple(pair for pair in pairs if random.random() < 0.6))


@pytest.mark.parametrize("seed", range(20))
def test_the_search_finds_a_way_exactly_where_there_is_one(seed: int) -> None:
    random = Random(seed)
    for _ in range(100):
        step = any_step(random)
        found = assignment(step)
        assert (found is not None) == by_trying_everything(step), step
        if found is not None:
            assert found.keys() == {each.name for each in step.parts}
            assert all(found[each.name] in each.who for each in step.parts)
            assert all(found[one] != found[other] for one, other in step.apart)


@pytest.mark.parametrize("seed", range(20))
def test_what_is_named_as_short_is_short_and_nothing_less_is(seed: int) -> None:
    random = Random(seed)
    for _ in range(50):
        step = any_step(random)
        short = shortage(step)
        assert bool(short) == (assignment(step) is None)
        for left_out in short:
            rest = tuple(each for each in short if each.name != left_out.name)
            assert assignment(replace(step, parts=rest)) is not None
        if short:
            assert assignment(replace(step, parts=short)) is None


def test_whoever_would_help_is_named_and_nobody_else() -> None:
    step = Step(name="x", parts=(part("1", "a"), part("2", "a")), apart=(("1", "2"),))
    assert list(would_help(step, step.parts[1], "abc")) == ["b", "c"]
    twice = replace(step, parts=(*step.parts, part("3", "a")), apart=(("1", "2"), ("2", "3"), ("1", "3")))
    assert list(would_help(twice, twice.parts[1], "abc")) == []


def test_many_people_are_no_burden() -> None:
    crowd = [f"p-{n}" for n in range(2_000)]
    parts = tuple(part(str(n), crowd) for n in range(7))
    pairs = tuple((str(one), str(other)) for one in range(7) for other in range(one))
    found = assignment(Step(name="x", parts=parts, apart=pairs))
    assert found is not None
    assert len(set(found.values())) == 7


def test_parts_that_stand_in_nobodys_way_do_not_multiply_the_search() -> None:
    # 3 ** 20 ways to do the first twenty lead to nothing, as the last five are short of one.
    free = tuple(part(f"free {n}", "abc") for n in range(20))
    short = tuple(part(f"short {n}", "defg") for n in range(5))
    pairs = tuple((one.name, other.name) for one in short for other in short if one.name < other.name)
    assert assignment(Step(name="x", parts=(*free, *short), apart=pairs)) is None


def test_one_person_more_is_asked_where_a_role_is_enough_and_fewest_could() -> None:
    author, tester, reviewer = part("author", "a"), part("tester", "ab"), part("reviewer", "a")
    owner = replace(part("owner", ""), mend="dt team owner sandbox PERSON")
    assert scarcest((author, tester)) == tester
    assert scarcest((author, owner, tester)) == tester
    assert scarcest((author, tester, reviewer)) == reviewer


# -- the team


def team(**roles: str) -> Situation:
    """A project with these people; "ci" is a service, and everything is designated to whom one would think."""
    principals = {
        name: Principal(
            id=name, kind="service" if name.startswith("ci") else "person", roles=frozenset(held.split())
        )
        for name, held in roles.items()
    }  # fmt: skip
    owner = next((name for name, held in roles.items() if "developer" in held), "nobody")
    operator = next((name for name in roles if name.startswith("op")), None)
    known = Team(
        principals=principals,
        owners={"sandbox-anton": Designation(principal=owner)},
        operators={PRODUCTION: Designation(principal=operator)} if operator else {},
    )
    return Situation(policy_version=1, policies={1: shipped()}, team=known, opened_at=MONDAY)


FULL = {
    "dev": "developer", "qa": "tester", "rev": "reviewer", "op": "developer", "rm": "release-manager",
    "v1": "verifier", "v2": "verifier", "v3": "verifier", "ci": "runner", "a1": "administrator", "a2": "administrator",
}  # fmt: skip


def looked(**roles: str) -> Staffing:
    return staffing(team(**roles), MONDAY)


def but(**changed: str | None) -> dict[str, str]:
    return {name: held for name, held in {**FULL, **changed}.items() if held is not None}


def only_lack(**changed: str | None) -> Lack:
    [lack] = looked(**but(**changed)).lacks
    return lack


def test_a_whole_team_lacks_nothing_and_every_step_names_who_could() -> None:
    found = looked(**FULL)
    assert (found.lacks, found.alone) == ((), ())
    way = found.possible["deploy a release to production"]
    assert way["open a release"] != way["review all changes"]
    high = found.possible["execute an adjustment of high risk"]
    verifiers = {person for name, person in high.items() if name.startswith("verify")}
    assert verifiers == {"v1", "v2", "v3"}


@pytest.mark.parametrize(
    "changed, step, because, command",
    [
        ({"qa": None}, "deploy a release to stage", "test by hand in sandbox", "dt team grant PERSON tester"),
        ({"rev": None}, "deploy a release to production", "review all changes", "dt team grant PERSON reviewer"),
        ({"ci": None}, "deploy a release to tests", "restore", "dt team register SERVICE --kind service"),
        ({"ci": None, "x": "runner"}, "deploy a release to tests", "service", "dt team register SERVICE"),
        ({"ci": ""}, "deploy a release to tests", "service", "dt team grant ci runner"),
        ({"rm": None}, "lift a hold or a stuck lease", "lift it", "dt team grant PERSON release-manager"),
        ({"op": None}, "execute an adjustment", "operator of production", "dt team operator production PERSON"),
        ({"v3": None}, "execute an adjustment of high risk", "different persons", "dt team grant PERSON verifier"),
        ({"v2": None, "v3": None}, "execute an adjustment", "different persons", "dt team grant PERSON verifier"),
        ({"a2": None}, "change the team", "different persons", "dt team grant PERSON administrator"),
    ],
)  # fmt: skip
def test_whoever_is_missing_is_missed_where_it_is_met_first(
    changed: dict[str, str | None], step: str, because: str, command: str
) -> None:
    lack = looked(**but(**changed)).lacks[0]
    assert lack.step == step
    assert because in lack.because
    assert lack.command.startswith(command)


def test_one_who_develops_and_tests_alone_passes_no_gate() -> None:
    # The release manager may open a release too: without one, the only developer is the only tester.
    found = looked(dev="developer tester", rev="reviewer", ci="runner", a1="administrator", a2="administrator", op="")
    lack = found.lacks[0]
    assert lack.step == "deploy a release to stage"
    assert lack.because == (
        "it takes different persons, and there are too few (open a release, test by hand in sandbox: only dev)"
    )
    assert lack.could == ("a1", "a2", "op")


def test_the_operator_is_no_verifier_of_what_he_operates() -> None:
    lacks = looked(**but(op="developer verifier", v2=None, v3=None)).lacks
    assert [lack.step for lack in lacks] == ["execute an adjustment", "execute an adjustment of high risk"]
    assert "execute it: only op" in lacks[0].because


def test_who_asks_verifies_nothing_where_nobody_else_may_ask() -> None:
    found = looked(dev="", v1="verifier", v2="verifier", op="", c="reviewer")
    assert "execute an adjustment" not in found.possible
    assert (
        "execute an adjustment" in looked(dev="developer", v1="verifier", v2="verifier", op="", c="reviewer").possible
    )


def test_a_tester_and_a_reviewer_who_are_the_only_authors_block_each_other() -> None:
    # One may test what the other wrote, and one may review it: but not the one who tests, of his own, and so on.
    found = looked(x="developer tester", y="developer reviewer", ci="runner", a1="administrator", a2="administrator")
    lack = next(lack for lack in found.lacks if lack.step == "deploy a release to production")
    assert lack.because.startswith("it takes different persons")
    assert all(
        f"{part}: " in lack.because for part in ("open a release", "test by hand in sandbox", "review all changes")
    )
    assert "deploy a release to stage" in found.possible


def test_somebody_who_left_does_nothing() -> None:
    situation = team(**FULL)
    gone = replace(situation.team.principals["rev"], active=False)
    situation = replace(
        situation, team=replace(situation.team, principals={**situation.team.principals, "rev": gone})
    )  # fmt: skip
    assert [lack.step for lack in staffing(situation, MONDAY).lacks] == ["deploy a release to production"]


def without(situation: Situation, *left: str) -> Situation:
    """The same, when these have left."""
    known = situation.team.principals
    gone = {name: replace(known[name], active=False) for name in left}
    return replace(situation, team=replace(situation.team, principals={**known, **gone}))


def test_whoever_left_is_neither_designated_nor_asked_to_help() -> None:
    [lack] = staffing(without(team(**but(rev=None, a0="")), "a0"), MONDAY).lacks
    assert lack.could == ("a1", "a2", "dev")
    [lack, *_] = staffing(without(team(**FULL), "op"), MONDAY).lacks
    assert (lack.step, lack.command) == ("execute an adjustment", "dt team operator production PERSON")
    # No role of his would make him an operator: nobody is named who could.
    assert lack.could == ()
    [lack, *_] = staffing(without(team(**FULL), "ci"), MONDAY).lacks
    assert lack.command == "dt team register SERVICE --kind service"


def test_a_service_opens_releases_and_judges_none() -> None:
    found = looked(**but(dev="", op="", rm=None, ci="runner developer"))
    assert found.possible["resolve a problem"]["open a release"] == "ci"
    lacks = looked(**but(qa=None, ci="runner tester")).lacks
    assert "dt team grant PERSON tester" in [lack.command for lack in lacks]


def test_what_is_lacking_is_told_once_although_several_steps_lack_it() -> None:
    lacks = looked(**but(dev="developer tester", qa=None, rm=None, op="")).lacks
    assert [lack.step for lack in lacks if "test by hand" in lack.because] == ["deploy a release to stage"]
    # One more verifier may check the result too.
    lacks = looked(q="developer tester", op="", ci="runner").lacks
    assert [lack.command for lack in lacks if lack.step == "execute an adjustment"].count(
        "dt team grant PERSON verifier"
    ) == 1


def test_who_wrote_it_confirms_no_hotfix_and_resolves_no_problem() -> None:
    found = looked(dev="developer tester", op="", ci="runner", a1="administrator", a2="administrator")
    assert not {"confirm a hotfix", "resolve a problem"} & found.possible.keys()


def test_the_result_of_an_adjustment_is_checked_by_somebody_else() -> None:
    # Both hold a role that lets them check results; of these two, neither may.
    found = looked(**but(dev="", rm=None, qa="tester", op="tester"))
    done = found.possible["execute an adjustment"]
    assert done["check the result"] not in {done["ask for it"], done["execute it"]}


def test_a_crowd_that_is_too_small_is_named_in_short() -> None:
    situation = team(**but(v4="verifier", v5="verifier"))
    stricter = {**shipped(), "verifications": 6, "verifications_high_risk": 6}
    [lack, *_] = staffing(replace(situation, policies={1: stricter}), MONDAY).lacks
    assert "only v1, v2, v3, v4 and 1 more" in lack.because


def test_before_anything_was_recorded_everything_is_missing() -> None:
    assert staffing(EMPTY, MONDAY).lacks


def test_an_owner_who_left_or_may_not_confirm_stops_the_first_step() -> None:
    situation = team(**FULL)
    owners = {"sandbox-anton": Designation(principal="qa")}
    found = staffing(replace(situation, team=replace(situation.team, owners=owners)), MONDAY)
    assert [(lack.step, lack.command) for lack in found.lacks] == [
        ("deploy a release to tests", "dt team grant qa developer")
    ]
    found = staffing(replace(situation, team=replace(situation.team, owners={})), MONDAY)
    assert [(lack.step, lack.command) for lack in found.lacks] == [
        ("deploy a release to sandbox-anton", "dt team owner sandbox-anton PERSON")
    ]


def test_a_deputy_counts_while_he_is_one() -> None:
    situation = team(**but(v3=None))
    deputy = Designation(principal="op", deputy="v1", deputy_until=MONDAY + timedelta(days=1))
    situation = replace(situation, team=replace(situation.team, operators={PRODUCTION: deputy}))
    during = [lack.step for lack in staffing(situation, MONDAY).lacks]
    after = [lack.step for lack in staffing(situation, MONDAY + timedelta(days=2)).lacks]
    assert during == ["execute an adjustment", "execute an adjustment of high risk"]
    assert after == ["execute an adjustment of high risk"]


def test_the_policys_own_number_of_verifications_is_asked_for() -> None:
    situation = team(**FULL)
    stricter = {**shipped(), "verifications": 4, "verifications_high_risk": 4}
    lacks = staffing(replace(situation, policies={1: stricter}), MONDAY).lacks
    assert lacks[0].step == "execute an adjustment"
    assert "verify it (4 of 4)" in lacks[0].because


def test_an_author_whose_releases_nobody_may_judge_is_named_where_others_may() -> None:
    found = looked(**but(qa="developer tester"))
    assert found.lacks == ()
    [alone] = found.alone
    assert (alone.subject, alone.because.partition(":")[0]) == ("qa", "nobody can test by hand in sandbox")
    # Where nobody's release may go, it is no matter of who wrote it.
    assert looked(**but(rev=None)).alone == ()


# -- open releases


def with_release(situation: Situation, **more: object) -> Situation:
    fields: dict[str, object] = {
        "name": "4.12.0", "kind": "normal", "opened_by": "dev", "affected_areas": (), "policy_version": 1,
        "opened_at": MONDAY, "position": 9,
    }  # fmt: skip
    release = Release(**{**fields, **more})  # type: ignore[arg-type]
    return replace(situation, releases={release.name: release})


def test_an_open_release_whose_authors_leave_nobody_is_named() -> None:
    situation = with_release(team(**but(qa2="tester")), setters=frozenset({"qa", "qa2"}))
    lacks = staffing(situation, MONDAY).lacks
    assert {lack.subject for lack in lacks} == {"4.12.0"}
    assert [lack.because.partition(":")[0] for lack in lacks] == [
        "nobody is left to test it by hand in sandbox", "nobody is left to test its core and affected areas in stage",
    ]  # fmt: skip
    assert "qa" not in lacks[0].could
    assert staffing(with_release(team(**but(qa2="tester")), setters=frozenset({"qa"})), MONDAY).lacks == ()


def test_a_hotfix_needs_somebody_to_confirm_it() -> None:
    authors = frozenset({"qa", "rev", "rm"})
    situation = with_release(team(**FULL), kind="hotfix", problem="P-1", setters=authors)
    assert any("confirm the hotfix" in lack.because for lack in staffing(situation, MONDAY).lacks)


def by_authors_alone(situation: Situation) -> Situation:
    """Only those are left with a role to judge who wrote the release."""
    judges = frozenset({"tester", "reviewer", "developer"})
    principals = {
        name: replace(each, roles=judges if name == "anton" else each.roles - judges)
        for name, each in situation.team.principals.items()
    }
    return replace(situation, team=replace(situation.team, principals=principals))


@pytest.mark.parametrize(
    "changed",
    [
        {"release": "4.13.0"},
        {"content": f"sha256:{'0' * 64}"},
        {"review": None},
        {"review": {"good": False}},
        {"review": {"by": "anton"}},
    ],
)
def test_only_a_good_review_of_this_content_by_somebody_else_needs_nobody_any_more(changed: dict[str, Any]) -> None:
    story = given.rehearsed()
    situation = by_authors_alone(story.situation)
    stage = situation.environment("stage")
    assert stage.rehearsal is not None
    assert stage.rehearsal.review is not None
    assert "4.12.0" not in {lack.subject for lack in staffing(situation, story.now).lacks}
    made: dict[str, Any] = {
        name: replace(stage.rehearsal.review, **v) if isinstance(v, dict) else v for name, v in changed.items()
    }
    other = replace(stage, rehearsal=replace(stage.rehearsal, **made))
    situation = replace(situation, environments={**situation.environments, "stage": other})
    lacks = [lack.because for lack in staffing(situation, story.now).lacks if lack.subject == "4.12.0"]
    assert any(because.startswith("nobody is left to review it") for because in lacks)


def test_what_nobody_at_all_may_judge_is_no_matter_of_one_release() -> None:
    lacks = staffing(with_release(team(**but(qa=None))), MONDAY).lacks
    assert {lack.subject for lack in lacks} == {None}


def test_what_is_over_or_was_confirmed_or_needs_no_confirmation_is_not_missed() -> None:
    authors = frozenset({"qa", "rev", "rm"})
    confirmed = Verdict(good=True, by="qa2", position=1, at=MONDAY)
    hotfix: dict[str, Any] = {"kind": "hotfix", "problem": "P-1", "setters": authors}
    for more in ({"setters": authors}, {**hotfix, "hotfix_confirmed": confirmed}):
        lacks = staffing(with_release(team(**FULL), **more), MONDAY).lacks
        assert lacks
        assert not any("confirm the hotfix" in lack.because for lack in lacks)
    assert staffing(with_release(team(**FULL), **hotfix, state="withdrawn"), MONDAY).lacks == ()


def test_open_releases_are_told_of_in_their_order_and_their_authors_are_not_asked_to_judge() -> None:
    situation = with_release(team(**FULL), setters=frozenset({"qa", "a1"}), position=9)
    other = with_release(team(**FULL), name="4.13.0", setters=frozenset({"qa"}), position=10)
    lacks = staffing(replace(situation, releases={**other.releases, **situation.releases}), MONDAY).lacks
    assert list(dict.fromkeys(lack.subject for lack in lacks)) == ["4.12.0", "4.13.0"]
    assert "a1" not in lacks[0].could
    assert "a1" in lacks[-1].could


def test_what_was_judged_already_needs_nobody_any_more() -> None:
    story = given.rehearsed()
    for tester in ("qa-1", "qa-2"):
        story.do("admin-1", DeactivatePrincipal(principal=tester, reason="left"))
    lacks = staffing(story.situation, story.now).lacks
    assert "test by hand in sandbox" in lacks[0].because
    # Nobody tests any more, for the next release; this one was tested by who is gone now, and that stands.
    assert {lack.subject for lack in lacks} == {None}


def test_the_teams_of_the_rules_own_tests_lack_what_they_lack() -> None:
    story: Story = given.running()
    assert staffing(story.situation, story.now).lacks == ()


def test_with_two_founders_alone_everything_that_is_missing_is_named_once() -> None:
    lacks = staffing(given.opened().situation, MONDAY).lacks
    assert [lack.command for lack in lacks] == [
        "dt team grant PERSON developer",
        "dt team owner sandbox-anton PERSON",
        "dt team register SERVICE --kind service",
        "dt team grant PERSON tester",
        "dt team grant PERSON reviewer",
        "dt team grant PERSON release-manager",
        "dt team operator production PERSON",
        "dt team grant PERSON verifier",
    ]


# -- open adjustments


def test_an_open_adjustment_that_too_few_may_verify_is_named() -> None:
    story = adjusting.requested()
    [name] = story.situation.adjustments
    assert staffing(story.situation, story.now).lacks == ()
    for verifier in story.situation.team.persons_holding("verifier")[:-1]:
        story.do("admin-1", RevokeRole(principal=verifier, role="verifier", reason="left"))
    of_it = [lack for lack in staffing(story.situation, story.now).lacks if lack.subject == name]
    assert [(lack.step, lack.command) for lack in of_it] == [(f"execute {name}", "dt team grant PERSON verifier")]
    assert of_it[0].because.startswith("0 of 2 verified it, and only ")


def test_who_verified_it_counts_and_the_stricter_policy_says_how_many_are_wanted() -> None:
    story = adjusting.rehearsed()
    [name] = story.situation.adjustments
    first, second, *others = story.situation.team.persons_holding("verifier")
    adjusting.verify(story, first)
    for verifier in others:
        story.do("admin-1", RevokeRole(principal=verifier, role="verifier", reason="left"))
    lacks = staffing(story.situation, story.now).lacks
    assert name not in {lack.subject for lack in lacks}
    adjusting.tightened(story, verifications=3)
    of_it = [lack for lack in staffing(story.situation, story.now).lacks if lack.subject == name]
    assert [lack.because.partition(",")[0] for lack in of_it] == ["1 of 3 verified it"]
    assert second in of_it[0].because


@pytest.mark.parametrize("disputed", [False, True])
def test_a_result_that_nobody_is_left_to_check_is_named(disputed: bool) -> None:
    story = adjusting.executed()
    [name] = story.situation.adjustments
    assert staffing(story.situation, story.now).lacks == ()
    if disputed:
        story.do("qa-1", DisputeAdjustmentResult(adjustment=name, reason="wrong prices"))
    checkers = story.situation.team.persons_holding("tester", "verifier", "reviewer", "release-manager")
    for checker in checkers:
        story.do("admin-1", DeactivatePrincipal(principal=checker, reason="left"))
    of_it = [lack for lack in staffing(story.situation, story.now).lacks if lack.subject == name]
    assert [lack.step for lack in of_it] == [f"check the result of {name}"]
