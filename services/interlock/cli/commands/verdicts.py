"""`dt qa` and `dt review`: what people found out about a release."""

from __future__ import annotations

import click

from interlock.cli.change import changing, give
from interlock.cli.lazy import Group
from interlock.cli.names import reason_option, release_argument, seen
from interlock.cli.session import Session

environment_option = click.option(
    "--env",
    "environment",
    required=True,
    metavar="ENVIRONMENT",
    shell_complete=seen("environment"),
    help="Where it was tested.",
)


@click.group(cls=Group)
def qa() -> None:
    """Manual testing, by somebody who is no author of the release."""


@qa.command("approve")
@release_argument
@environment_option
@click.option("--area", "areas", multiple=True, metavar="AREA", help="An area that was tested; repeat (stage: all).")
@click.option("--checklist", metavar="TEXT", help="What was gone through.")
@changing
@click.pass_obj
def qa_approve(session: Session, release: str, environment: str, areas: tuple[str, ...], checklist: str | None) -> None:
    """Say that you tested this content by hand there, and found it good."""
    fields = {"release": release, "environment": environment, "areas": list(areas), "checklist": checklist}
    give(session, "ApproveManualQA", fields, then=((f"dt release why {release}", "what it needs next"),))


@qa.command("reject")
@release_argument
@environment_option
@reason_option
@click.option(
    "--problem",
    "problems",
    multiple=True,
    metavar="PROBLEM",
    shell_complete=seen("problem"),
    help="A problem that was found; repeat.",
)
@changing
@click.pass_obj
def qa_reject(session: Session, release: str, environment: str, reason: str, problems: tuple[str, ...]) -> None:
    """Say that you tested it, and found it wanting."""
    fields = {"release": release, "environment": environment, "reason": reason, "problems": list(problems)}
    give(session, "RejectManualQA", fields)


@qa.command("withdraw")
@release_argument
@environment_option
@reason_option
@changing
@click.pass_obj
def qa_withdraw(session: Session, release: str, environment: str, reason: str) -> None:
    """Take an approval back."""
    give(session, "WithdrawManualQA", {"release": release, "environment": environment, "reason": reason})


@click.group(cls=Group)
def review() -> None:
    """The review of all code changes since production, by somebody who is no author of them."""


@review.command("approve")
@release_argument
@click.option("--range", "commit_range", required=True, metavar="BASE..HEAD", help="What was reviewed.")
@click.option("--diff-digest", metavar="SHA256", help="The digest of the diff that was read.")
@click.option("--diff", type=click.File("rb"), metavar="FILE", help="The diff that was read; its digest is computed.")
@click.option(
    "--from-git",
    metavar="REPO",
    type=click.Path(exists=True, file_okay=False),
    help="Compute the digest of the diff of --range in this repository, as dt stage review does.",
)
@click.option(
    "--base",
    "base_release",
    metavar="RELEASE",
    shell_complete=seen("release"),
    help="Production's release, from which on it was reviewed; without it, what the record says.",
)
@changing
@click.pass_obj
def review_approve(
    session: Session,
    release: str,
    commit_range: str,
    diff_digest: str | None,
    diff: click.File | None,
    from_git: str | None,
    base_release: str | None,
) -> None:
    """Say that you reviewed all changes since production's release at once, by their digest.

    dt stage review shows them where there is a clone, and asks for the same.
    """
    fields = {
        "release": release,
        "commit_range": commit_range,
        "diff_digest": digest_of_diff(diff_digest, diff, from_git, commit_range),
        "base_release": base_release or occupant_of_production(session),
    }
    give(session, "ApproveCodeReview", fields, then=((f"dt release why {release}", "what it needs next"),))


def digest_of_diff(digest: str | None, diff: object, repository: str | None, span: str) -> str:
    """Return the digest of the diff that was read. Raises UsageError unless exactly one way is given."""
    import hashlib
    from pathlib import Path

    if sum(way is not None for way in (digest, diff, repository)) != 1:
        raise click.UsageError("say what was read: one of --diff-digest, --diff, --from-git")
    if digest is not None:
        return digest if digest.startswith("sha256:") else f"sha256:{digest}"
    if diff is not None:
        content = diff.read()  # type: ignore[attr-defined]
        return f"sha256:{hashlib.sha256(content).hexdigest()}"
    from interlock.cli.repositories import diff_of_range

    return diff_of_range(Path(str(repository)), span)


def occupant_of_production(session: Session) -> str | None:
    """Return the release that production runs; None where it is empty or unsure."""
    environments = session.get("/environments").get("environments") or ()
    for environment in environments:
        if environment.get("purpose") == "production":
            found = (environment.get("occupancy") or {}).get("release")
            return str(found) if found else None
    return None


@review.command("reject")
@release_argument
@reason_option
@changing
@click.pass_obj
def review_reject(session: Session, release: str, reason: str) -> None:
    """Say that something must change."""
    give(session, "RejectCodeReview", {"release": release, "reason": reason})


@review.command("withdraw")
@release_argument
@reason_option
@changing
@click.pass_obj
def review_withdraw(session: Session, release: str, reason: str) -> None:
    """Take an approval back."""
    give(session, "WithdrawCodeReview", {"release": release, "reason": reason})
