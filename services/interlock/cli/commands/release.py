"""`dt release`: open it, say what it is made of, confirm it, hold it, withdraw it; see it, and why it may not go on."""

from __future__ import annotations

from pathlib import Path

import click

from interlock.cli.change import changing, give
from interlock.cli.lazy import Group
from interlock.cli.names import at_option, reason_option, release_argument, seen
from interlock.cli.session import Session


@click.group(cls=Group)
def release() -> None:
    """One release, from the developer's sandbox to production."""


@release.command("new")
@click.argument("name", metavar="RELEASE")
@click.option("--title", "-t", required=True, metavar="TEXT", help="What it is, in one line.")
@click.option(
    "--hotfix-for",
    "problem",
    metavar="PROBLEM",
    shell_complete=seen("problem"),
    help="A hotfix, for this open problem in production: same steps, no window.",
)
@click.option("--affects", "areas", multiple=True, metavar="AREA", help="An area that must be tested by hand; repeat.")
@click.option("--reason", "-m", metavar="TEXT", help="Why a hotfix is needed.")
@changing
@click.pass_obj
def new(
    session: Session, name: str, title: str, problem: str | None, areas: tuple[str, ...], reason: str | None
) -> None:
    """Open a release. Its name and its kind never change."""
    fields = {
        "name": name,
        "kind": "hotfix" if problem else "normal",
        "title": title,
        "affected_areas": list(areas),
        "problem": problem,
        "reason": reason,
    }
    give(session, "OpenRelease", fields, then=((f"dt release content {name} …", "say what it is made of"),))


@release.command("content")
@release_argument
@click.option(
    "--from-file",
    "file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="JSON or TOML with the fields of the command; options are added to it.",
)
@click.option(
    "--from-git",
    nargs=2,
    metavar="REPO RANGE",
    help="Commits and head of RANGE (as in v4.11.2..HEAD) in the repository at REPO, computed by git.",
)
@click.option(
    "--base",
    "bases",
    multiple=True,
    metavar="[REPOSITORY=]COMMIT",
    help="Since which commit, instead of what production runs; nothing after the = takes all there is; repeat.",
)
@click.option(
    "--head",
    "heads",
    multiple=True,
    metavar="[REPOSITORY=]COMMIT",
    help="Up to which commit, instead of the clone's HEAD; repeat.",
)
@click.option(
    "--backward-compatible",
    "declared",
    multiple=True,
    metavar="ID",
    help="A migration found in git that a rollback may leave in place, though its file does not say so; repeat.",
)
@click.option("--unknown-authors", is_flag=True, help="Record authors who are no principals as somebody outside.")
@click.option("--repository", metavar="NAME", help="The repository's name in the record (--from-git: its origin).")
@click.option(
    "--artifact",
    "artifacts",
    multiple=True,
    metavar="PURL=SHA256",
    help="An artifact, by package URL and the digest of its bytes; repeat.",
)
@click.option(
    "--artifact-file",
    "artifact_files",
    multiple=True,
    metavar="PURL=FILE",
    help="An artifact whose digest is computed from the file; repeat.",
)
@click.option(
    "--migration",
    "migrations",
    multiple=True,
    metavar="ID=FILE",
    help="A schema migration; its digest is computed from the file; repeat.",
)
@click.option(
    "--compatible-migration",
    "compatible",
    multiple=True,
    metavar="ID=FILE",
    help="The same, declared backward compatible: a rollback may leave it in place.",
)
@click.option(
    "--contains",
    multiple=True,
    metavar="RELEASE",
    shell_complete=seen("release"),
    help="A release whose commits are all in this one; git finds those whose heads are recorded; repeat.",
)
@click.option("--adds-functionality", is_flag=True, help="It has new functionality, so it names its new tests.")
@click.option("--new-test", "new_tests", multiple=True, metavar="NAME", help="A new automatic test; repeat.")
@click.option(
    "--fixes",
    multiple=True,
    metavar="PROBLEM",
    shell_complete=seen("problem"),
    help="A problem that this release fixes; repeat.",
)
@changing
@click.pass_obj
def content(session: Session, /, release: str, **given: object) -> None:
    """Say what the release is made of. New content voids what was proved about the old one.

    Where interlock.toml names clones ([repositories]), git says it: the commits since what production runs, in all of
    them at once, with migrations and new tests ([content]) as they are committed.
    """
    from interlock.cli.content import gather

    fields = {"release": release, **gather(session, release, given)}
    then = (("dt release why " + release, "see what it needs next"),)
    give(session, "SetReleaseContent", fields, then=then)


@release.command("confirm")
@release_argument
@changing
@click.pass_obj
def confirm(session: Session, release: str) -> None:
    """Confirm, as the owner of the developer's sandbox, that it is developed."""
    give(
        session,
        "ConfirmDevelopment",
        {"release": release},
        then=((f"dt deploy {release} tests", "the next environment"),),
    )


@release.command("confirm-hotfix")
@release_argument
@click.option("--problem", metavar="PROBLEM", shell_complete=seen("problem"), help="Link another open problem instead.")
@changing
@click.pass_obj
def confirm_hotfix(session: Session, release: str, problem: str | None) -> None:
    """Confirm, as an independent person, that this content is for the linked problem."""
    give(session, "ConfirmHotfix", {"release": release, "problem": problem})


@release.command("hold")
@release_argument
@reason_option
@changing
@click.pass_obj
def hold(session: Session, release: str, reason: str) -> None:
    """Let nothing of this release start."""
    then = ((f"dt release unhold {release} -m …", "ends the hold"),)
    give(session, "HoldRelease", {"release": release, "reason": reason}, then=then)


@release.command("unhold")
@release_argument
@reason_option
@changing
@click.pass_obj
def unhold(session: Session, release: str, reason: str) -> None:
    """End the hold."""
    give(session, "LiftReleaseHold", {"release": release, "reason": reason})


@release.command("withdraw")
@release_argument
@reason_option
@changing
@click.pass_obj
def withdraw(session: Session, release: str, reason: str) -> None:
    """Give the release up, for good."""
    session.confirm(f"Withdraw {release}? A withdrawn release never comes back.")
    give(session, "WithdrawRelease", {"release": release, "reason": reason})


@release.command("list")
@click.option("--all", "everything", is_flag=True, help="Completed, superseded and withdrawn ones too.")
@at_option
@click.pass_obj
def list_(session: Session, everything: bool, at: str | None) -> None:
    """List releases: what each is, and where it stands."""
    from interlock.cli.reading import all_pages, scene_of
    from interlock.cli.render.releases import list_lines

    answer = all_pages(session, "/releases", "releases", at=at, state="all" if everything else "open")
    session.answer(answer, list_lines(answer["releases"], scene_of(session, answer, at)))


@release.command("show")
@release_argument
@at_option
@click.pass_obj
def show(session: Session, release: str, at: str | None) -> None:
    """Show one release: its content, its way so far, its evidence."""
    from interlock.cli.reading import scene_of
    from interlock.cli.render.releases import release_lines

    answer = session.get(f"/releases/{release}", at=at)
    steps = (
        (f"dt release why {release}", "what it needs to go on"),
        (f"dt release timeline {release}", "who did what"),
    )
    session.answer(answer, release_lines(answer, scene_of(session, answer, at)), steps)


@release.command("why")
@release_argument
@click.argument("environment", metavar="[ENVIRONMENT]", required=False, shell_complete=seen("environment"))
@click.option("--all", "everything", is_flag=True, help="Every check, also those that passed.")
@click.option("--if-at", metavar="INSTANT", help="As it would be at a future moment, if nothing else changes.")
@at_option
@click.pass_obj
def why(
    session: Session, release: str, environment: str | None, everything: bool, if_at: str | None, at: str | None
) -> None:
    """Say why it may not go on, who must act, and when it can. Asking records nothing.

    Without ENVIRONMENT: every gate on its way.
    """
    from interlock.cli.commands.gate import show_gate, show_gates

    if environment is None:
        show_gates(session, release, at=at, if_at=if_at, everything=everything)
    else:
        show_gate(session, release, environment, at=at, if_at=if_at, everything=everything)


@release.command("timeline")
@release_argument
@at_option
@click.pass_obj
def timeline(session: Session, release: str, at: str | None) -> None:
    """Tell the release's story, event by event."""
    from interlock.cli.reading import all_pages, scene_of
    from interlock.cli.render.records import event_list_lines

    answer = all_pages(session, f"/releases/{release}/timeline", "timeline", at=at)
    session.answer(answer, event_list_lines(answer["timeline"], scene_of(session, answer, at)))
