"""What a review of a release is about: from production's release to this one, over all its repositories at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from interlock.answers.reviewed import SHA_SHOWN, commit_range
from interlock.cli.exits import NOT_FOUND, REFUSED, USAGE, Halt
from interlock.cli.recorded import newest
from interlock.cli.repositories import asking_git, configured_places, heads_in, people, running_in_production
from interlock.cli.running import CONFIG_HELP, document_of
from interlock.cli.session import Session

if TYPE_CHECKING:
    from interlock.runners.repositories.authors import People
    from interlock.runners.repositories.content import Made
    from interlock.runners.repositories.diff import Change, Diff


@dataclass(frozen=True, slots=True)
class Matter:
    """All that is reviewed; `known` are who authors may be, `objections` where git and the record differ."""

    base_release: str | None
    made: Made
    changes: tuple[Change, ...]
    diff: Diff
    known: People
    objections: tuple[str, ...]

    @property
    def authors(self) -> dict[str, str]:
        """Return who wrote each commit, by its name."""
        told = {each.sha: [self.known.principal(who) or str(who) for who in each.authors] for each in self.made.commits}
        return {sha: ", ".join(names) for sha, names in told.items()}

    @property
    def commit_range(self) -> str:
        """Return the ranges in a line."""
        return commit_range([(span.name, span.base, span.head) for span in self.made.spans])


def matter_of(session: Session, release: str) -> Matter:
    """Return what is reviewed of a release, by the heads that are recorded. Raises Halt."""
    from interlock.runners.repositories.clones import opened
    from interlock.runners.repositories.content import Asked, content_of
    from interlock.runners.repositories.diff import changes_in, diff_of
    from interlock.runners.repositories.patterns import wanted_of

    recorded = newest(session, "ReleaseContentSet", release=release)
    if recorded is None:
        then = ((f"dt release content {release}", "says what it is made of"),)
        raise Halt(f"{release} has no content", code=NOT_FOUND, then=then)
    running, heads = running_in_production(session), heads_in(recorded)
    places = tuple(place for place in configured_places(session) if place.name in heads)
    missing = sorted(heads.keys() - {place.name for place in places})
    if missing or not heads:
        raise Halt(
            f"{release} cannot be reviewed from here: no clone of {', '.join(missing) or 'any repository'} is named",
            code=USAGE,
            why="a review is of all changes at once, in every repository that the release touches",
            then=(
                CONFIG_HELP,
                (f"dt review approve {release} --range … --diff-digest …", "of what you read elsewhere"),
            ),
        )
    with asking_git(release), opened(places) as clones:
        # Of what production has nothing of, all is new.
        bases = {name: running.heads.get(name) for name in heads}
        made = content_of(clones, Asked(bases, heads, wanted_of(document_of(session))))
        return Matter(
            base_release=running.release,
            made=made,
            changes=tuple(each for span in made.spans for each in changes_in(span)),
            diff=diff_of(made.spans),
            known=people(session),
            objections=tuple(objections(made, recorded, running.heads)),
        )


def objections(made: Made, recorded: Mapping[str, Any], before: Mapping[str, str]) -> Iterator[str]:
    """Yield where git says another thing than the record: whoever reviews should know."""
    told = {(each["repository"], each["sha"]) for each in recorded.get("commits") or ()}
    left_out = [each for each in made.commits if (each.repository, each.sha) not in told]
    if left_out:
        names = ", ".join(each.sha[:SHA_SHOWN] for each in left_out[:5]) + (" …" if len(left_out) > 5 else "")
        yield f"{len(left_out)} of these commits are not recorded as part of the release: {names}"
    for span in made.spans:
        if not span.straight:
            yield f"{span.name}: {span.head[:SHA_SHOWN]} does not contain what production runs: the diff takes it back"
    for name in sorted(before.keys() - {span.name for span in made.spans}):
        yield f"{name}: production has a commit of it, and the release says nothing of it"
    known = {each["id"]: each["digest"] for each in recorded.get("migrations") or ()}
    for each in made.migrations:
        if known.get(each["id"]) != each["digest"]:
            yield f"{each['id']} is not the migration of that name that is recorded, or none is"
    for name in sorted(known.keys() - {each["id"] for each in made.migrations}):
        yield f"{name} is recorded as a migration and is not among those found in git"


def not_ones_own(me: str | None, known: People, made: Made) -> None:
    """Raise Halt (refused) where git says that the reviewer wrote something of it, recorded or not."""
    mine = [each.sha for each in made.commits if me in {known.principal(author) for author in each.authors}]
    if mine:
        raise Halt(
            f"you wrote {', '.join(sha[:SHA_SHOWN] for sha in mine[:5])}: somebody else reviews it",
            code=REFUSED,
            why="nobody reviews what he wrote",
        )
