"""`dt stage review`: all changes since production's release, in all repositories, read and approved at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from interlock.answers.reviewed import NOTHING_READ
from interlock.cli.change import changing, give
from interlock.cli.exits import REFUSED, USAGE, Ended, Halt
from interlock.cli.lazy import Command
from interlock.cli.names import release_argument
from interlock.cli.session import Session
from interlock.cli.typed import typed

if TYPE_CHECKING:
    from interlock.runners.repositories.diff import Diff

MEDIA_TYPE = "text/x-diff"


@click.command("review", cls=Command)
@release_argument
@click.option("--stat", is_flag=True, help="Leave the diff out: you read it somewhere else, under the same digest.")
@click.option(
    "--digest",
    "prefix",
    metavar="PREFIX",
    help="The first characters of the diff's digest, six at least, instead of typing them when asked.",
)
@click.option("--offer", is_flag=True, help="Put the diff where the release's page shows it, and approve nothing.")
@changing
@click.pass_obj
def review(session: Session, release: str, stat: bool, prefix: str | None, offer: bool) -> None:
    """Show all changes from production's release to this one, in all its repositories, and approve them at once.

    Commits, files, migrations, new tests and the diff; then it asks for the first six characters of the diff's digest,
    which nothing answers for you. The diff is kept as evidence under that digest. dt review reject says no.

    With --offer the diff is kept only, for whoever reads it on the release's page: anybody may put it there.
    """
    from interlock.cli.commands.gate import say_gate
    from interlock.cli.render.review import diff_lines, review_lines
    from interlock.cli.reviewing import matter_of, not_ones_own

    matter = matter_of(session, release)
    if offer:
        _offer(session, release, matter.diff)
        return
    fields = {"release": release, "commit_range": matter.commit_range, "base_release": matter.base_release}
    # Nobody need read first what he may not approve; to ask records nothing.
    decision = session.client.explain("ApproveCodeReview", {**fields, "diff_digest": NOTHING_READ})
    if decision.get("result") != "allowed":
        say_gate(session, decision, everything=False, code=REFUSED)
        raise Ended(REFUSED)
    not_ones_own(session.me, matter.known, matter.made)
    show = session.talk if session.options.json else session.show
    show(
        review_lines(release, matter.base_release, matter.made, matter.changes, matter.authors, list(matter.objections))
    )
    if not stat:
        show(diff_lines(matter.diff))
    digest = matter.diff.digest
    typed(
        session,
        digest,
        prefix,
        f"Type the first six of {digest} to approve it",
        of=f"the diff of {release}",
        then=(f"dt stage review {release}", "shows it"),
        again="shows what is there now",
    )
    # A crash before the approval leaves the bytes under their digest, which does no harm.
    if matter.diff.content:
        session.client.put_evidence(matter.diff.content, MEDIA_TYPE)
    then = ((f"dt release why {release}", "what it needs next"),)
    give(session, "ApproveCodeReview", {**fields, "diff_digest": digest}, then=then)


def _offer(session: Session, release: str, diff: Diff) -> None:
    """Keep the diff, and say where it is read. Raises Halt where it is too long to be kept."""
    from urllib.parse import urlencode

    from interlock.cli.render.lines import line

    if diff.content is None:
        why = f"it has {diff.size:,} bytes, and what is kept has 16 MiB at most"
        raise Halt(f"the diff of {release} is not put there", code=USAGE, why=why)
    session.client.put_evidence(diff.content, MEDIA_TYPE)
    page = f"{session.scene().pages}/do/review?{urlencode({'release': release, 'diff': diff.digest})}"
    document = {"release": release, "diff_digest": diff.digest, "bytes": diff.size, "page": page}
    lines = [
        line(f"the diff of {release} is kept, {diff.size:,} bytes: {diff.digest}"),
        line(f"  to be read, and approved, at {page}"),
    ]
    session.answer(document, lines)
