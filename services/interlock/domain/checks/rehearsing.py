"""The checks of the rehearsal: review, restore, migrations and core test, in stage."""

from __future__ import annotations

from datetime import timedelta

from interlock.domain.checks import independence
from interlock.domain.checks.asked import Asked, check, clock_text, judged, outcome, passed_or_failed
from interlock.domain.situation import ProductionMark, Rehearsal
from interlock.events.decision import CheckOutcome


def _rehearsal(asked: Asked) -> Rehearsal | None:
    """The present rehearsal of the release's present content, or None."""
    rehearsal, content = asked.stage.rehearsal, asked.subject.content
    if rehearsal is None or content is None:
        return None
    return rehearsal if (rehearsal.release, rehearsal.content) == (asked.subject.name, content.digest) else None


@check("code-reviewed")
def code_reviewed(asked: Asked) -> CheckOutcome:
    """All code changes were reviewed at once, in this rehearsal, by somebody who wrote none of them."""
    required = "all changes reviewed in this rehearsal, not by an author"
    release, rehearsal = asked.subject, _rehearsal(asked)
    who = tuple(
        p for p in asked.situation.team.persons_holding("reviewer") if independence.reviewer_independent(p, release)
    )
    command = f"dt stage review {release.name}"
    review = rehearsal.review if rehearsal is not None else None
    author = review is not None and not independence.reviewer_independent(review.by, release)
    return judged(
        "code-reviewed",
        required,
        review,
        found="reviewed",
        who=who,
        command=command,
        objection=f"{review.by} is an author" if review is not None and author else None,
        nobody="nobody reviewed it",
    )


@check("production-data-restored")
def production_data_restored(asked: Asked) -> CheckOutcome:
    """Stage holds production's data, restored after this deploy and not too old."""
    age = timedelta(hours=asked.policy.snapshot_age_hours)
    required = f"production's data, restored after this deploy, at most {asked.policy.snapshot_age_hours} h old"
    if asked.production.never_used:
        return outcome("production-data-restored", "not_applicable", required, "production is empty")
    rehearsal = _rehearsal(asked)
    restore = rehearsal.restore if rehearsal is not None else None
    command = f"dt env restore {asked.policy.named('rehearsal')} --from {asked.policy.production}"
    if restore is None:
        return outcome("production-data-restored", "failed", required, "not restored in this rehearsal", next=command)
    data = asked.stage.data
    if restore.source != asked.policy.production or data.corrupt is not None:
        return outcome(
            "production-data-restored",
            "failed",
            required,
            data.corrupt or f"it is {restore.source}'s",
            evidence=(restore.position,),
            next=command,
        )
    if asked.now - restore.taken_at > age:
        return outcome(
            "production-data-restored",
            "failed",
            required,
            f"taken {clock_text(restore.taken_at)}",
            evidence=(restore.position,),
            next=command,
        )
    return outcome(
        "production-data-restored",
        "passed",
        required,
        f"taken {clock_text(restore.taken_at)}",
        evidence=(restore.position,),
        by=restore.by,
        until=restore.taken_at + age,
    )


@check("migrations-passed")
def migrations_passed(asked: Asked) -> CheckOutcome:
    """The release's migrations ran in this rehearsal, on that data."""
    content = asked.subject.content
    required = "all migrations ran in this rehearsal"
    if content is not None and not content.migrations:
        return outcome("migrations-passed", "not_applicable", required, "the release has none")
    rehearsal = _rehearsal(asked)
    migration = rehearsal.migration if rehearsal is not None else None
    command = f"dt stage migrate {asked.subject.name}"
    if migration is None or content is None:
        return outcome("migrations-passed", "failed", required, "not run in this rehearsal", next=command)
    missing = [wanted.id for wanted in content.migrations if wanted.id not in migration.areas]
    if not migration.good or missing:
        observed = "failed: a new restore comes first" if not migration.good else f"missing: {', '.join(missing[:5])}"
        return outcome("migrations-passed", "failed", required, observed, evidence=(migration.position,), next=command)
    return outcome(
        "migrations-passed",
        "passed",
        required,
        f"{len(content.migrations)} migrations",
        evidence=(migration.position,),
        by=migration.by,
        since=migration.at,
    )


@check("restored-after-deploy")
def restored_after_deploy(asked: Asked) -> CheckOutcome:
    """A migration is rehearsed on data that was restored after this deploy."""
    required = "data restored after this deploy"
    if asked.production.never_used:
        return outcome("restored-after-deploy", "not_applicable", required, "production is empty")
    rehearsal = _rehearsal(asked)
    restore = rehearsal.restore if rehearsal is not None else None
    command = f"dt env restore {asked.policy.named('rehearsal')} --from {asked.policy.production}"
    if restore is None:
        return outcome("restored-after-deploy", "failed", required, "none", next=command)
    already = rehearsal is not None and rehearsal.migration is not None
    observed = "the migrations ran on it already" if already else f"{restore.restore} from {restore.source}"
    return passed_or_failed(
        "restored-after-deploy",
        required,
        observed,
        holds=not already,
        evidence=(restore.position,),
        next=command if already else None,
    )


@check("rehearsal-current")
def rehearsal_current(asked: Asked) -> CheckOutcome:
    """Production is as it was when review, restore, migration and core test were made."""
    required = "production unchanged since the rehearsal"
    rehearsal = _rehearsal(asked)
    if rehearsal is None:
        return outcome("rehearsal-current", "failed", required, "there is no rehearsal of this content in stage")
    mark = asked.production.mark
    unsure = asked.production.unsure
    found = asked.observed.schema_digest if asked.observed is not None else None
    if asked.starting and not asked.is_retry and mark.schema_digest not in {None, found}:
        observed = "production has another schema than the record says" if found else "the runner read no schema"
        return outcome("rehearsal-current", "failed", required, observed)
    if asked.is_retry and unsure is not None and unsure.mark_before is not None:
        # A retry finds its own half-done work there: it is compared with what the first attempt found.
        mark = unsure.mark_before
    stale = _older_than(mark, rehearsal)
    if stale is not None:
        return outcome(
            "rehearsal-current",
            "failed",
            required,
            stale,
            evidence=(max(mark.started, mark.settled),),
            since=mark.at,
            next=f"dt deploy {asked.subject.name} {asked.policy.named('rehearsal')}",
        )
    return outcome("rehearsal-current", "passed", required, "unchanged", evidence=(rehearsal.position,))


def _older_than(mark: ProductionMark, rehearsal: Rehearsal) -> str | None:
    """What of the rehearsal was made before production's last change, or None."""
    changed = max(mark.started, mark.settled)
    made = {
        "the review": rehearsal.review.position if rehearsal.review else None,
        "the restore": rehearsal.restore.position if rehearsal.restore else None,
        "the migrations": rehearsal.migration.position if rehearsal.migration else None,
        "the core test": rehearsal.core.position if rehearsal.core else None,
    }
    for name, position in made.items():
        if position is not None and position < changed:
            return f"{name} was made before production changed"
    restore = rehearsal.restore
    if restore is not None and mark.at is not None and restore.taken_at < mark.at:
        return "the snapshot was taken before production changed"
    if restore is not None and mark.schema_digest and restore.schema_digest != mark.schema_digest:
        if restore.schema_digest:
            return "the snapshot has another schema than production"
        return "the snapshot was restored without its schema digest"
    return None


@check("core-areas-approved")
def core_areas_approved(asked: Asked) -> CheckOutcome:
    """Core and affected areas were tested by hand in this rehearsal, by somebody who is no author."""
    release, rehearsal = asked.subject, _rehearsal(asked)
    wanted = wanted_areas(asked)
    required = f"approved in stage, not by an author: {', '.join(wanted)}"
    who = independence.independent_persons(asked.situation, release, "tester")
    command = f"dt qa approve {release.name} --env {asked.policy.named('rehearsal')}"
    core = rehearsal.core if rehearsal is not None else None
    objection = None
    if core is not None:
        missing = [area for area in wanted if area not in core.areas]
        if missing:
            objection = f"missing: {', '.join(missing)}"
        elif not independence.approver_independent(core.by, release):
            objection = f"{core.by} is an author"
    return judged(
        "core-areas-approved",
        required,
        core,
        found=f"{len(core.areas)} areas" if core is not None else "",
        who=who,
        command=command,
        objection=objection,
    )


def wanted_areas(asked: Asked) -> tuple[str, ...]:
    """The policy's core areas and the release's affected ones."""
    return tuple(dict.fromkeys((*asked.policy.core_areas, *asked.subject.affected_areas)))


@check("areas-covered")
def areas_covered(asked: Asked) -> CheckOutcome:
    """The areas that are approved contain the core areas and the release's affected ones."""
    wanted = wanted_areas(asked)
    missing = [area for area in wanted if area not in asked.areas]
    observed = "all" if not missing else f"missing: {', '.join(missing)}"
    return passed_or_failed("areas-covered", ", ".join(wanted), observed, holds=not missing)


@check("restore-source-allowed")
def restore_source_allowed(asked: Asked) -> CheckOutcome:
    """Data goes only where the policy lets it go: never into production, never out of the developer's sandbox."""
    allowed = asked.rule.restore_sources
    never = asked.environment == asked.policy.production or asked.source == asked.policy.named("development")
    required = f"one of {', '.join(allowed)}" if allowed else f"nothing is restored into {asked.environment}"
    return passed_or_failed(
        "restore-source-allowed", required, asked.source, holds=asked.source in allowed and not never
    )
