"""What `dt stage review` says against a release before anybody approves it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from interlock.cli.exits import REFUSED, Halt
from interlock.cli.render.lines import plain
from interlock.cli.render.review import diff_lines, visible
from interlock.cli.reviewing import Matter, not_ones_own, objections
from interlock.runners.repositories.authors import People
from interlock.runners.repositories.clones import opened, places_of
from interlock.runners.repositories.content import Asked, Made, content_of
from interlock.runners.repositories.diff import KEPT_BYTES_MAX, Diff, diff_of
from interlock.runners.repositories.patterns import wanted_of
from tests.fixtures.repositories import Repository

REVIEWER = "Rea <reviewer-1@example.org>"
KNOWN = People(("anton", "reviewer-1"), {})
DOCUMENT = {"repositories": {"shop": "shop"}, "content": {"migrations": ["migrations/*.sql"]}}


class Reviewed:
    """A repository whose production lacks two commits, one of them by the reviewer."""

    def __init__(self, home: Path) -> None:
        self.home, self.shop = home, Repository.made(home / "shop")
        self.base = self.shop.commit({"app.py": "one\n"})
        self.hers = self.shop.commit({"app.py": "two\n"}, author=REVIEWER)
        self.head = self.shop.commit({"migrations/0001.sql": "select 1;\n"})

    def made(self, base: str) -> Made:
        with opened(places_of(DOCUMENT, home=self.home)) as clones:
            return content_of(clones, Asked({"shop": base}, {}, wanted_of(DOCUMENT)))

    def recorded(self, base: str) -> dict[str, Any]:
        return self.made(base).fields(KNOWN)


@pytest.fixture
def reviewed(tmp_path: Path) -> Reviewed:
    return Reviewed(tmp_path)


def test_nothing_is_said_against_what_git_and_the_record_agree_on(reviewed: Reviewed) -> None:
    made = reviewed.made(reviewed.base)
    assert list(objections(made, reviewed.recorded(reviewed.base), {"shop": reviewed.base})) == []


def test_commits_that_the_record_leaves_out_are_named_and_their_author_does_not_review_them(reviewed: Reviewed) -> None:
    made, narrow = reviewed.made(reviewed.base), reviewed.recorded(reviewed.hers)
    [said] = objections(made, narrow, {"shop": reviewed.base})
    assert reviewed.hers[:12] in said
    with pytest.raises(Halt, match=f"you wrote {reviewed.hers[:12]}") as refusal:
        not_ones_own("reviewer-1", KNOWN, made)
    assert refusal.value.code == REFUSED
    not_ones_own("reviewer-2", KNOWN, made)


def test_migrations_of_other_bytes_or_of_one_side_alone_are_named(reviewed: Reviewed) -> None:
    made, recorded = reviewed.made(reviewed.base), reviewed.recorded(reviewed.base)
    other = {**recorded, "migrations": [{"id": "0001.sql", "digest": f"sha256:{'0' * 64}"}]}
    assert ["0001.sql is not the migration" in said for said in objections(made, other, {})] == [True]
    more = {**recorded, "migrations": [*recorded["migrations"], {"id": "0002.sql", "digest": "x"}]}
    assert ["0002.sql is recorded as a migration" in said for said in objections(made, more, {})] == [True]


def test_a_repository_that_production_has_and_the_release_does_not_is_named(reviewed: Reviewed) -> None:
    made, recorded = reviewed.made(reviewed.base), reviewed.recorded(reviewed.base)
    [said] = objections(made, recorded, {"shop": reviewed.base, "desk": reviewed.base})
    assert said.startswith("desk: ")


def test_a_head_without_productions_commit_is_said_to_take_it_back(reviewed: Reviewed) -> None:
    reviewed.shop.git("checkout", "-q", "--orphan", "apart")
    reviewed.shop.commit({"app.py": "apart\n"})
    made = reviewed.made(reviewed.head)
    assert any("takes it back" in said for said in objections(made, made.fields(KNOWN), {"shop": reviewed.head}))


def test_a_range_over_one_repository_and_over_many_is_one_line(reviewed: Reviewed) -> None:
    made = reviewed.made(reviewed.base)
    one = Matter("1.0", made, (), Diff("sha256:0", 0, b""), KNOWN, ())
    assert one.commit_range == f"{reviewed.base[:12]}..{reviewed.head[:12]}"
    assert one.authors[reviewed.hers] == "reviewer-1"
    many = Made(made.spans * 20, made.commits, (), (), ())
    assert Matter("1.0", many, (), Diff("sha256:0", 0, b""), KNOWN, ()).commit_range == "20 repositories"


def test_nothing_in_a_diff_hides_from_a_terminal() -> None:
    assert visible("a\x1b[2Kb\rc\u202ed\te") == r"a\x1b[2Kb\rc\u202ed" + "\te"
    diff = Diff("sha256:0", 9, b"+\xff\x1b[1A\n-x")
    assert plain(diff_lines(diff)) == "+\\xff\\x1b[1A\n-x"


def test_a_diff_of_more_bytes_than_are_kept_is_digested_whole_and_not_shown(tmp_path: Path) -> None:
    shop = Repository.made(tmp_path / "shop")
    base = shop.commit({})
    shop.commit({"large.txt": "x" * 79 + "\n" + ("y" * 79 + "\n") * (KEPT_BYTES_MAX // 80)})
    with opened(places_of(DOCUMENT, home=tmp_path)) as clones:
        diff = diff_of(content_of(clones, Asked({"shop": base}, {}, wanted_of({}))).spans)
    assert diff.content is None
    assert diff.size > KEPT_BYTES_MAX
    assert "read it with git" in plain(diff_lines(diff))
