"""The checks of any start in an environment."""

from __future__ import annotations

from interlock.domain.checks.asked import Asked, check, clock_text, outcome, passed_or_failed
from interlock.events.decision import CheckOutcome


@check("release-open")
def release_open(asked: Asked) -> CheckOutcome:
    """The release is neither withdrawn nor superseded."""
    required = "neither withdrawn nor superseded"
    if asked.release is None:
        return outcome("release-open", "not_applicable", required, "no release is there")
    state = asked.release.state
    return passed_or_failed("release-open", required, state, holds=state in {"open", "completed"})


@check("environment-free")
def environment_free(asked: Asked) -> CheckOutcome:
    """No activity holds the environment's lease."""
    required = f"no activity in {asked.environment}"
    lease = asked.place.lease
    if lease is None:
        return outcome("environment-free", "passed", required, "free")
    return outcome(
        "environment-free",
        "failed",
        required,
        f"{lease.subject} by {lease.holder}",
        evidence=(lease.position,),
        since=lease.granted_at,
        until=lease.expires_at,
        next=f"dt env show {asked.environment}",
    )


@check("environment-identified")
def environment_identified(asked: Asked) -> CheckOutcome:
    """The environment's server and database are registered, and the runner found exactly these."""
    required = "the registered server and database"
    known = asked.place.identity
    if known is None:
        who = asked.situation.team.persons_holding("administrator")
        return outcome(
            "environment-identified",
            "failed",
            required,
            f"{asked.environment} is not registered",
            who=who,
            next=f"dt env register {asked.environment}",
        )
    if not asked.starting:
        return outcome("environment-identified", "passed", required, known.database)
    found = asked.observed.identity if asked.observed is not None else None
    if found is None:
        return outcome("environment-identified", "failed", required, "the runner did not say what it found")
    observed = f"{found.database}/{found.system_identifier}" + (f" at {found.address}" if found.address else "")
    return passed_or_failed("environment-identified", required, observed, holds=found == known)


@check("environment-sure")
def environment_sure(asked: Asked) -> CheckOutcome:
    """It is known what is in the environment, or this is a retry of what made it unsure, or a rollback."""
    required = "a known content; otherwise a retry of the same work, a rollback, or two persons stating what is there"
    unsure = asked.place.unsure
    if unsure is None:
        return outcome("environment-sure", "passed", required, "known")
    if asked.is_retry or asked.intent == "rollback":
        observed = "a rollback" if asked.intent == "rollback" else "a retry of the same work"
        return outcome("environment-sure", "passed", required, observed, evidence=(unsure.position,))
    return outcome(
        "environment-sure",
        "failed",
        required,
        unsure.cause,
        evidence=(unsure.position,),
        since=unsure.since,
        next=f"dt env confirm {asked.environment}",
    )


@check("no-freeze")
def no_freeze(asked: Asked) -> CheckOutcome:
    """No freeze of the environment is in force at this moment; one that lies ahead blocks nothing yet."""
    required = f"no freeze of {asked.environment}"
    freeze = asked.place.freeze
    if freeze is None or (freeze.until is not None and asked.now >= freeze.until):
        return outcome("no-freeze", "passed", required, "none")
    if freeze.since is not None and asked.now < freeze.since:
        return outcome("no-freeze", "passed", required, f"one begins {clock_text(freeze.since)}")
    if freeze.until is not None:
        return outcome(
            "no-freeze",
            "waiting",
            required,
            f"{freeze.reason} (by {freeze.by})",
            evidence=(freeze.position,),
            passes_at=freeze.until,
        )
    who = asked.situation.team.persons_holding("release-manager")
    return outcome(
        "no-freeze",
        "failed",
        required,
        f"{freeze.reason} (by {freeze.by})",
        evidence=(freeze.position,),
        who=who,
        next=f"dt env unfreeze {asked.environment}",
    )


@check("no-hold")
def no_hold(asked: Asked) -> CheckOutcome:
    """The release is not held."""
    required = "no hold on the release"
    if asked.release is None:
        return outcome("no-hold", "not_applicable", required, "no release is there")
    if asked.release.held is None:
        return outcome("no-hold", "passed", required, "none")
    who = asked.situation.team.persons_holding("release-manager")
    return outcome(
        "no-hold",
        "failed",
        required,
        asked.release.held,
        since=asked.release.held_since,
        who=who,
        next=f"dt release unhold {asked.release.name}",
    )


@check("release-present")
def release_present(asked: Asked) -> CheckOutcome:
    """The release is this environment's occupant with its present content, and nothing runs there.

    A test run judges what is there: it asks about the occupant, and nothing may be there too.
    """
    required = f"is in {asked.environment}, with its present content, at rest"
    place, release = asked.place, asked.release
    if place.unsure is not None:
        return outcome("release-present", "failed", required, f"{asked.environment} is unsure: {place.unsure.cause}")
    occupant = place.occupant
    if release is None:
        if occupant is not None:
            return outcome("release-present", "failed", required, f"{occupant.release} is no release of this project")
        if asked.may_be_empty:
            return outcome("release-present", "not_applicable", required, "nothing is deployed there")
        return outcome("release-present", "failed", required, "nothing is deployed there")
    content = asked.content or (release.content.digest if release.content is not None else None)
    if occupant is None or occupant.release != release.name:
        there = occupant.release if occupant is not None else "nothing"
        return outcome(
            "release-present",
            "failed",
            required,
            f"{there} is in {asked.environment}",
            next=f"dt deploy {release.name} {asked.environment}",
        )
    if occupant.content != content:
        return outcome(
            "release-present",
            "failed",
            required,
            "an earlier content of it is there",
            next=f"dt deploy {release.name} {asked.environment}",
        )
    if occupant.deploy is None:
        return outcome(
            "release-present",
            "failed",
            required,
            "two persons stated it, no deploy brought it",
            evidence=(occupant.position,),
            next=f"dt deploy {release.name} {asked.environment}",
        )
    if place.lease is not None and not asked.starting:
        return outcome("release-present", "failed", required, f"{place.lease.subject} runs there")
    return outcome(
        "release-present", "passed", required, f"since {clock_text(occupant.since)}", evidence=(occupant.position,)
    )
