"""A review's matter as lines: commits, files, migrations, new tests and the diff, with nothing in it that can hide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from interlock.cli.render.lines import Line, Lines, Span, line, table

if TYPE_CHECKING:
    from interlock.runners.repositories.content import Made
    from interlock.runners.repositories.diff import Change, Diff

STYLES = {"+": "good", "-": "bad", "@": "dim"}
HEADS = ("diff --git ", "index ", "--- ", "+++ ", "repository ")


def review_lines(
    release: str,
    base: str | None,
    made: Made,
    changes: Sequence[Change],
    authors: Mapping[str, str],
    objections: list[str],
) -> Lines:
    """Return what is reviewed, but for the diff itself."""
    since = f"since {base}, which production runs" if base else "all there is: production is empty"
    lines: Lines = [line(Span(f"REVIEW {release}", "strong"), f"   {since}")]
    for span in made.spans:
        mine = [each for each in made.commits if each.repository == span.name]
        reach = f"{(span.base or 'nothing')[:12]}..{span.head[:12]}"
        lines += [line(), line(Span(visible(span.name), "strong"), f"   {reach} · {counted(len(mine), 'commit')}")]
        lines += table([(each.sha[:12], authors[each.sha], visible(each.subject)) for each in mine], indent=2)
        files = [each for each in changes if each.repository == span.name]
        lines += table([stat_of(each) for each in files], indent=2)
        lines.append(line("  ", total(files)))
    lines.append(line())
    lines += named("migrations", [told_migration(each) for each in made.migrations])
    lines += named("new tests", made.new_tests)
    lines += [line(Span("✗ ", "bad"), visible(text)) for text in (*objections, *made.said)]
    return lines


def told_migration(migration: Mapping[str, Any]) -> str:
    """Return a migration in a line."""
    way = "backward compatible" if migration["backward_compatible"] else "not declared backward compatible"
    return f"{migration['id']}  {migration['digest'][:19]}…  {way}"


def named(what: str, each: Sequence[str]) -> Lines:
    """Return a heading with its lines, or that there are none."""
    if not each:
        return [line(Span(f"{what}: none", "dim"))]
    return [line(Span(f"{what}: {len(each)}", "strong")), *(line("  ", visible(text)) for text in each)]


def stat_of(change: Change) -> tuple[str, Span, Span]:
    """Return a file with the lines that were added and deleted."""
    if change.added is None or change.deleted is None:
        return visible(change.path), Span("no text"), Span("")
    return visible(change.path), Span(f"+{change.added}", "good"), Span(f"-{change.deleted}", "bad")


def total(changes: Sequence[Change]) -> str:
    """Return how much that is."""
    added, deleted = (sum(n or 0 for n in each) for each in ([c.added for c in changes], [c.deleted for c in changes]))
    return f"{counted(len(changes), 'file')}, +{added} -{deleted}"


def counted(number: int, what: str) -> str:
    """Return "1 file", "2 files"."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def diff_lines(diff: Diff) -> Iterator[Line]:
    """Yield the diff, coloured, every sign that would not be seen written out."""
    if diff.content is None:
        yield line(Span("✗ ", "bad"), f"the diff has {diff.size:,} bytes: too many to show; read it with git")
        return
    for text in diff.content.decode("utf-8", "backslashreplace").split("\n"):
        style = "strong" if text.startswith(HEADS) else STYLES.get(text[:1], "")
        yield line(Span(visible(text), style))


def visible(text: str) -> str:
    """Return the text with what a terminal would obey, or would not show, written out."""
    return "".join(each if each.isprintable() or each == "\t" else ascii(each)[1:-1] for each in text)
