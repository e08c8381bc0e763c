"""Whether the registered people could pass each gate: exact, and told with who is missing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from itertools import product
from random import Random

import pytest

from interlock.domain.assignment import Part, Step, assignment, shortage, would_help
from interlock.domain.commands.governance import DeactivatePrincipal, RevokeRole
from interlock.domain.policy import shipped
from interlock.domain.situation import Designation, Principal, Release, Situation, Team
from interlock.domain.staffing import Lack, Staffing, staffing
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
    assert [(lack.subject, "test by hand" in lack.because) for lack in found.alone] == [("qa", True)]


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


def test_a_result_that_nobody_is_left_to_check_is_named() -> None:
    story = adjusting.executed()
    [name] = story.situation.adjustments
    assert staffing(story.situation, story.now).lacks == ()
    checkers = story.situation.team.persons_holding("tester", "verifier", "reviewer", "release-manager")
    for checker in checkers:
        story.do("admin-1", DeactivatePrincipal(principal=checker, reason="left"))
    of_it = [lack for lack in staffing(story.situation, story.now).lacks if lack.subject == name]
    assert [lack.step for lack in of_it] == [f"check the result of {name}"]
