"""What is open now, with those who began it: whether anybody is left to judge it."""

from __future__ import annotations

from collections.abc import Iterator

from interlock.domain.assignment import Part, Step
from interlock.domain.checks import independence
from interlock.domain.checks.adjusting import counted, may_check, may_verify, verifications_wanted
from interlock.domain.decide.adjustment import adjustment_asked, followed
from interlock.domain.decide.case import Case
from interlock.domain.entitlements import REVIEW, TEST, VERIFY
from interlock.domain.explain import NOBODY
from interlock.domain.situation import Adjustment, Release
from interlock.domain.staffing.members import GRANT, Lack, Members, by_role, lack_of
from interlock.events.fact import replace


def of_what_is_open(found: Members) -> Iterator[Lack]:
    """What nobody is left to do, for each open release and each open adjustment, in their order."""
    situation = found.situation
    for release in sorted(situation.releases.values(), key=lambda each: each.position):
        if release.open:
            yield from _of_release(release, found)
    for adjustment in sorted(situation.adjustments.values(), key=lambda each: each.position):
        yield from _of_adjustment(adjustment, found)


def _of_release(release: Release, found: Members) -> Iterator[Lack]:
    """What nobody is left to judge of this release, its authors being who they are; not what was judged already."""
    production = f"deploy {release.name} to {found.policy.production}"
    for part, judged in _judgements(release, found):
        left = replace(part, who=tuple(p for p in part.who if independence.approver_independent(p, release)))
        if not judged and part.who and not left.who:
            lack = lack_of(Step(name=production, parts=(left,)), (left,), found, subject=release.name)
            could = tuple(p for p in lack.could if independence.approver_independent(p, release))
            authors = ", ".join(p for p in part.who if p in release.authors)
            because = f"nobody is left to {part.name}: it takes {part.needs} who is no author, and {authors} wrote it"
            yield replace(lack, because=because, could=could)


def _judgements(release: Release, found: Members) -> Iterator[tuple[Part, bool]]:
    sandbox, stage = found.policy.named("manual-qa"), found.policy.named("rehearsal")
    rehearsal = found.situation.environment(stage).rehearsal
    content = release.content.digest if release.content is not None else None
    about = rehearsal is not None and (rehearsal.release, rehearsal.content) == (release.name, content)
    review, core = (rehearsal.review, rehearsal.core) if rehearsal is not None and about else (None, None)
    testers = found.may("ApproveManualQA")
    verdicts = (
        (by_role(f"test it by hand in {sandbox}", testers, TEST), release.manual_qa),
        (by_role("review it", found.may("ApproveCodeReview"), REVIEW), review),
        (by_role(f"test its core and affected areas in {stage}", testers, TEST), core),
    )
    for part, verdict in verdicts:
        yield part, verdict is not None and verdict.good and independence.approver_independent(verdict.by, release)
    if release.kind == "hotfix":
        yield by_role("confirm the hotfix", found.may("ConfirmHotfix"), TEST), release.hotfix_confirmed is not None


def _of_adjustment(adjustment: Adjustment, found: Members) -> Iterator[Lack]:
    """Too few who may still verify it, beside those who did; nobody who may check its result."""
    situation, name = found.situation, adjustment.adjustment
    case = Case(situation=situation, command=None, actor=NOBODY, now=found.now)
    asked = adjustment_asked(case, adjustment)
    step, command, because = f"execute {name}", f"{GRANT} {VERIFY}", None
    if adjustment.state == "open":
        wanted = max(verifications_wanted(policy, adjustment) for policy in followed(situation, adjustment))
        verified, left = len(counted(asked)), may_verify(asked)
        if verified + len(left) < wanted:
            because = (
                f"{verified} of {wanted} verified it, and {_told(left)} may still; none who asked for it or operates"
            )
    elif adjustment.state in {"executed", "disputed"} and not may_check(asked):
        step, because = f"check the result of {name}", "nobody is left who neither asked for it nor executed it"
    if because is not None:
        yield Lack(step=step, because=because, command=command, subject=name)


def _told(who: tuple[str, ...]) -> str:
    return f"only {', '.join(who)}" if who else "nobody"
