"""What git and the record together say of a release's content: since what production runs, by whom, containing what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from interlock.cli.exits import USAGE, Halt
from interlock.cli.recorded import events, newest
from interlock.cli.running import CONFIG_HELP, document_of, home_of
from interlock.cli.session import Session

if TYPE_CHECKING:
    from interlock.runners.repositories.authors import Author, People
    from interlock.runners.repositories.clones import Clone, Place
    from interlock.runners.repositories.content import Made

# The newest releases whose heads are compared: a record holds 64 KiB, and older ones are in what is contained anyway.
RELEASES_COMPARED_MAX = 200
OCCUPANTS_PAGE = 100
TOLD_MAX = 5


@dataclass(frozen=True, slots=True)
class Running:
    """What production runs, or ran when it was last sure; without `release` it is empty."""

    release: str | None
    heads: Mapping[str, str]


@contextmanager
def asking_git(release: str) -> Iterator[None]:
    """Say in `dt`'s words what keeps git from answering. Raises Halt (usage)."""
    from interlock.runners.connections import NotConfigured
    from interlock.runners.failures import Stopped
    from interlock.runners.repositories.content import NoBase, TooManyCommits

    try:
        yield
    except NotConfigured as why:
        raise Halt("interlock.toml cannot be used", code=USAGE, why=str(why), then=(CONFIG_HELP,)) from why
    except (NoBase, TooManyCommits) as why:
        base = (f"dt release content {release} --base REPOSITORY=COMMIT …", "says from which commit on it counts")
        raise Halt(str(why), code=USAGE, then=(base,)) from why
    except Stopped as why:
        raise Halt(str(why), code=USAGE) from why


def configured_places(session: Session) -> tuple[Place, ...]:
    """Return the repositories of interlock.toml; none where it names none."""
    from interlock.runners.repositories.clones import places_of

    with asking_git("RELEASE"):
        return places_of(document_of(session), home=home_of(session))


def configured_content(session: Session, release: str, given: Mapping[str, Any], places: tuple[Place, ...]) -> Made:
    """Return what the configured repositories hold of the release, and say it. Raises Halt (usage)."""
    from interlock.runners.repositories.clones import opened
    from interlock.runners.repositories.content import Asked, content_of
    from interlock.runners.repositories.patterns import wanted_of

    named = {place.name for place in places}
    bases: dict[str, str | None] = {
        name: revision or None for name, revision in by_repository(given["bases"], named, "--base").items()
    }
    with asking_git(release), opened(places) as clones:
        if named - bases.keys():
            bases = {**since_production(session, named), **bases}
        asked = Asked(
            bases=bases,
            heads=by_repository(given["heads"], named, "--head"),
            wanted=wanted_of(document_of(session)),
            releases=heads_of_releases(session, but=release),
            compatible=frozenset(given["declared"]),
        )
        made = as_recorded(session, release, content_of(clones, asked))
        say_content(session, made, clones)
        return made


def as_recorded(session: Session, release: str, made: Made) -> Made:
    """Leave out what the same commits are not recorded to contain: the record takes a release in by new content only.

    Somebody may have opened a release meanwhile whose head these commits always had in their history.
    """
    recorded = newest(session, "ReleaseContentSet", release=release)
    if recorded is None:
        return made
    before = {(each["repository"], each["sha"]) for each in recorded.get("commits") or ()}
    if before != {(each.repository, each.sha) for each in made.commits}:
        return made
    known = {*(recorded.get("contains") or ())}
    if known.issuperset(made.contains):
        return made
    # What production runs must be in it: whether the record takes it in, the server says.
    occupant = next(occupants(session), None)
    known |= {occupant["release"]} if occupant is not None else set()
    return replace(made, contains=tuple(name for name in made.contains if name in known))


def content_of_range(session: Session, release: str, repository: Path, span: str, name: str | None) -> Made:
    """Return the same of one repository and a range as in "v4.11.2..HEAD". Raises Halt (usage)."""
    from interlock.runners.repositories.clones import Place, name_of, opened
    from interlock.runners.repositories.content import Asked, content_of
    from interlock.runners.repositories.patterns import Wanted

    base, head = ends_of(span, "--from-git")
    with asking_git(release):
        place = Place(name or name_of(repository), repository.resolve())
        with opened((place,)) as clones:
            releases = heads_of_releases(session, but=release)
            return content_of(clones, Asked({place.name: base}, {place.name: head}, Wanted(), releases))


def diff_of_range(repository: Path, span: str) -> str:
    """Return the digest of one repository's diff. Raises Halt (usage)."""
    from interlock.runners.repositories.clones import Place, name_of, opened
    from interlock.runners.repositories.content import spans_of
    from interlock.runners.repositories.diff import diff_of

    base, head = ends_of(span, "--range")
    with asking_git("RELEASE"):
        place = Place(name_of(repository), repository.resolve())
        with opened((place,)) as clones:
            return diff_of(spans_of(clones, {place.name: base}, {place.name: head})).digest


def ends_of(span: str, option: str) -> tuple[str, str]:
    """Return base and head of "BASE..HEAD". Raises Halt (usage)."""
    base, dots, head = span.partition("..")
    if not dots or not base or head.startswith("."):
        raise Halt(f"{option}: {span!r} is no range", code=USAGE, why="write it as BASE..HEAD, as in v4.11.2..HEAD")
    return base, head or "HEAD"


def by_repository(texts: Iterable[str], names: set[str], option: str) -> dict[str, str]:
    """Return "REPOSITORY=REVISION" by repository; with one repository its name may be left out. Raises UsageError."""
    found: dict[str, str] = {}
    for text in texts:
        name, sign, revision = text.partition("=")
        if not sign and len(names) == 1:
            name, revision = next(iter(names)), text
        if name not in names:
            raise click.UsageError(f"{option}: {name!r} is none of the repositories {', '.join(sorted(names))}")
        found[name] = revision
    return found


def since_production(session: Session, names: Iterable[str]) -> dict[str, str | None]:
    """Return where production stands in each repository, None for all of it. Raises Halt, NoBase."""
    from interlock.runners.repositories.content import NoBase

    running = running_in_production(session)
    if running.release is None:
        return dict.fromkeys(names)
    missing = sorted(set(names) - running.heads.keys())
    if missing:
        raise NoBase(
            f"production runs {running.release}, and where it stands in {', '.join(missing)} is not recorded"
            " (--base REPOSITORY= takes all there is of one that production has nothing of)"
        )
    return {name: running.heads[name] for name in names}


def running_in_production(session: Session) -> Running:
    """Return what production runs. Raises Halt where nobody ever said."""
    occupant = next(occupants(session), None)
    if occupant is not None:
        return Running(occupant["release"], heads_of(session, occupant["release"], occupant.get("content_digest")))
    production = production_of(session)
    if session.get(f"/environments/{production}")["occupancy"].get("position") is not None:
        return Running(None, {})
    raise Halt(
        f"nobody said yet what {production} runs",
        code=USAGE,
        why="the commits of a release are those since what production runs",
        then=(
            (f"dt env baseline {production} --empty", "nothing runs there; two persons say it once"),
            (f"dt env baseline {production} --release … --content … --head REPOSITORY=COMMIT", "or what does"),
        ),
    )


def occupants(session: Session) -> Iterator[dict[str, Any]]:
    """Yield what production was sure to run, the newest first."""
    rows = session.get(f"/environments/{production_of(session)}/occupants", limit=OCCUPANTS_PAGE)
    for row in rows.get("occupants") or ():
        if row.get("state") == "occupied" and row.get("release"):
            yield row


def production_of(session: Session) -> str:
    """Return the name of the environment that is production."""
    found = session.get("/environments").get("environments") or ()
    return next((str(each["environment"]) for each in found if each.get("purpose") == "production"), "production")


def heads_of(session: Session, release: str, content: str | None) -> dict[str, str]:
    """Return the recorded heads of a release with that content, by repository; none where none are recorded."""
    for kind in ("ReleaseContentSet", "EnvironmentBaselined"):
        for event in events(session, type=kind, release=release):
            data = event.get("data") or {}
            if content in {None, data.get("content_digest")}:
                return heads_in(data)
    return {}


def heads_in(data: Mapping[str, Any]) -> dict[str, str]:
    """Return the heads that an event's data hold."""
    return {str(each["repository"]): str(each["sha"]) for each in data.get("head") or ()}


def heads_of_releases(session: Session, *, but: str) -> dict[str, dict[str, str]]:
    """Return the heads of the newest releases, and of what production was declared to run, by release."""
    found: dict[str, dict[str, str]] = {}
    for event in events(session, type="ReleaseContentSet"):
        if len(found) == RELEASES_COMPARED_MAX:
            break
        # The newest comes first: what a release was made of before counts no more.
        found.setdefault(str(event.get("stream", "")).partition("/")[2], heads_in(event.get("data") or {}))
    for event in events(session, type="EnvironmentBaselined"):
        data = event.get("data") or {}
        if data.get("release"):
            found.setdefault(str(data["release"]), heads_in(data))
    found.pop(but, None)
    return found


def people(session: Session) -> People:
    """Return who authors may be: the registered principals, and [authors] of interlock.toml."""
    from interlock.runners.repositories.authors import people_of

    principals = {str(each["principal"]) for each in session.get("/team").get("principals") or ()}
    with asking_git("RELEASE"):
        return people_of(document_of(session), principals)


def recorded_fields(session: Session, made: Made, *, strangers: bool) -> dict[str, Any]:
    """Return the content's fields, each author a principal. Raises Halt (usage) where one is not, unless accepted."""
    known = people(session)
    unknown = made.strangers(known)
    if unknown and not strangers:
        raise unknown_authors(unknown)
    with asking_git("RELEASE"):
        return made.fields(known)


def unknown_authors(unknown: Sequence[Author]) -> Halt:
    """Return what to do where it is not known who wrote a commit."""
    told = ", ".join(str(each) for each in unknown[:TOLD_MAX]) + (" …" if len(unknown) > TOLD_MAX else "")
    lines = tuple((f'"{each.address}" = "WHO"', "a line of [authors] in interlock.toml") for each in unknown[:TOLD_MAX])
    return Halt(
        f"no principal is known to be {told}",
        code=USAGE,
        why="nobody approves what he wrote, so whoever wrote it must be somebody: dt team list shows who there is",
        then=(*lines, ("… --unknown-authors", "records them as somebody outside, who approves nothing here")),
    )


def say_content(session: Session, made: Made, clones: Sequence[Clone]) -> None:
    """Say what was found in git, and what is no part of it."""
    if session.options.json:
        return
    for span in made.spans:
        count = sum(each.repository == span.name for each in made.commits)
        since = "from its beginning" if span.base is None else f"since {span.base[:12]}"
        session.say(f"  {span.name}: {span.head[:12]}, {count} commit{'' if count == 1 else 's'} {since}")
        if not span.straight:
            session.say(
                f"  {span.name}: {span.head[:12]} does not contain {(span.base or '')[:12]}, which production runs"
            )
    for clone in clones:
        changed = clone.uncommitted()
        if changed:
            names = ", ".join(each[3:] for each in changed[:TOLD_MAX]) + (" …" if len(changed) > TOLD_MAX else "")
            session.say(f"  {clone.name}: not committed, so no part of it: {names}")
    for text in made.said:
        session.say(f"  {text}")
    if made.migrations:
        session.say(f"  migrations: {', '.join(each['id'] for each in made.migrations)}")
    if made.new_tests:
        session.say(f"  new tests: {', '.join(made.new_tests)}")
    if made.contains:
        session.say(f"  contains: {', '.join(made.contains)}")
