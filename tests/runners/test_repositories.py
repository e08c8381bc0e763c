"""What git says of a release over all its repositories: real ones, two to a release."""
# Long: one suite over the same two repositories, question by question.

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from interlock.runners.connections import NotConfigured
from interlock.runners.failures import Stopped
from interlock.runners.junit import read_report
from interlock.runners.repositories.authors import Author, People, people_of
from interlock.runners.repositories.clones import Clone, GitFailed, HistoryCut, Place, UnknownCommit, opened, places_of
from interlock.runners.repositories.content import (
    Asked,
    Made,
    NoBase,
    SameMigration,
    TooManyCommits,
    content_of,
    spans_of,
)
from interlock.runners.repositories.diff import OPTIONS, changes_in, diff_of
from interlock.runners.repositories.history import commits_in
from interlock.runners.repositories.patterns import Wanted, wanted_of
from interlock.runners.repositories.tests_named import NotReadable, names_in
from tests.fixtures.repositories import Repository
from tests.runners.shop import ROOT

CONTENT = {"migrations": ["migrations/*.sql"], "new_tests": ["tests/**/test_*.py"]}
PEOPLE = People(("anton", "dev-2"), {})


class Two:
    """Two repositories of one release, each with a base that production runs."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.shop, self.desk = Repository.made(home / "shop"), Repository.made(home / "desk")
        self.bases: dict[str, str | None] = {
            "shop": self.shop.commit({"app.py": "one\n", "migrations/0001_first.sql": "create table a ();\n"}),
            "desk": self.desk.commit({"desk.py": "one\n", "tests/test_desk.py": "def test_old() -> None: ...\n"}),
        }
        self.document: dict[str, Any] = {"repositories": {"shop": "shop", "desk": "desk"}, "content": CONTENT}

    @property
    def places(self) -> tuple[Place, ...]:
        return places_of(self.document, home=self.home)

    def content(self, **more: Any) -> Made:
        with opened(self.places) as clones:
            asked = {"bases": self.bases, "heads": {}, "wanted": wanted_of(self.document), **more}
            return content_of(clones, Asked(**asked))

    def digest(self, repository: Repository | None = None) -> str:
        places = self.places if repository is None else (Place("shop", repository.path),)
        with opened(places) as clones:
            return diff_of(spans_of(clones, self.bases, {})).digest


@pytest.fixture
def two(tmp_path: Path) -> Two:
    return Two(tmp_path / "clones")


@pytest.fixture
def shop(two: Two) -> Iterator[Clone]:
    with opened(two.places) as clones:
        yield next(clone for clone in clones if clone.name == "shop")


def test_commits_and_heads_are_of_all_repositories_since_their_bases(two: Two) -> None:
    first = two.shop.commit({"app.py": "two\n"}, "Change the shop")
    second = two.desk.commit({"desk.py": "two\n"}, "Change the desk", author="Dev Two <dev-2@example.org>")
    made = two.content()
    fields = made.fields(PEOPLE)
    assert [(each["repository"], each["sha"], each["author"]) for each in fields["commits"]] == [
        ("desk", second, "dev-2"),
        ("shop", first, "anton"),
    ]
    assert fields["head"] == [{"repository": "desk", "sha": second}, {"repository": "shop", "sha": first}]
    assert not made.strangers(PEOPLE)


def test_whoever_wrote_a_commit_with_somebody_is_its_author_too(two: Two) -> None:
    message = "Together\n\nCo-authored-by: Dev Two <dev-2@example.org>\nCo-authored-by: Nobody Known <x@example.org>\n"
    sha = two.shop.commit({"app.py": "two\n"}, message)
    made = two.content()
    assert [each["author"] for each in made.fields(PEOPLE)["commits"]][:2] == ["anton", "dev-2"]
    assert made.strangers(PEOPLE) == [Author("Nobody Known", "x@example.org")]
    assert {each["sha"] for each in made.fields(PEOPLE)["commits"]} == {sha}


def test_what_is_configured_of_an_address_counts_before_what_an_id_looks_like() -> None:
    anna = Author("Anna", "anna@example.org")
    assert People(("anna", "anna-2"), {}).principal(anna) == "anna"
    other = people_of({"authors": {"Anna@Example.org": "anna-2"}}, ("anna", "anna-2"))
    assert other.principal(anna) == "anna-2"
    with pytest.raises(NotConfigured, match="names no principal"):
        people_of({"authors": {"anna@example.org": "anne"}}, ("anna",))


def test_somebody_outside_is_recorded_by_a_mark_that_no_principal_has_and_that_names_nobody() -> None:
    stranger = Author("Max Muster", "max@example.org")
    recorded = PEOPLE.recorded(stranger)
    assert recorded == PEOPLE.recorded(Author("Somebody Else", "MAX@example.org"))
    assert recorded.startswith("git:")
    assert "max" not in recorded.lower()


def test_a_release_is_contained_where_its_heads_are_ancestors_in_every_repository_it_touches(two: Two) -> None:
    old = {"shop": str(two.bases["shop"]), "desk": str(two.bases["desk"])}
    ahead = two.desk.commit({"desk.py": "hotfix\n"})
    releases = {"old": old, "hotfix": {**old, "desk": ahead}, "in-the-shop-alone": {"shop": old["shop"][:9]}}
    assert two.content(releases=releases).contains == ("hotfix", "in-the-shop-alone", "old")
    # The other repository lacks what production runs: that is enough.
    two.desk.git("reset", "-q", "--hard", old["desk"])
    assert two.content(releases=releases).contains == ("in-the-shop-alone", "old")
    elsewhere = {"third": {"warehouse": old["shop"]}, "nothing": {}, "unknown": {"shop": "f" * 40}}
    assert two.content(releases=elsewhere).contains == ()


def test_migrations_are_those_that_the_head_has_and_the_base_does_not_by_their_committed_bytes(two: Two) -> None:
    second = "-- backward-compatible\nalter table a add b int;\n"
    two.shop.commit(
        {"migrations/0002_second.sql": second, "migrations/deeper/0009.sql": "x", "migrations/note.txt": "x"}
    )
    # Neither what stands in the work tree, nor what git makes of ends of lines there, counts.
    two.shop.write({"migrations/0002_second.sql": "drop table a;", "migrations/0003_third.sql": "drop table a;"})
    made = two.content()
    digest = f"sha256:{hashlib.sha256(second.encode()).hexdigest()}"
    assert made.migrations == ({"id": "0002_second.sql", "digest": digest, "backward_compatible": True},)


def test_a_migration_is_compatible_where_its_file_or_a_person_says_so(two: Two) -> None:
    two.shop.commit({"migrations/0002.sql": "select 1; -- backward-compatible, one would think\n"})
    assert [each["backward_compatible"] for each in two.content().migrations] == [False]
    assert [each["backward_compatible"] for each in two.content(compatible=frozenset({"0002.sql"})).migrations] == [
        True
    ]


def test_a_migration_that_production_has_with_other_bytes_is_named(two: Two) -> None:
    two.shop.commit({"migrations/0001_first.sql": "create table b ();\n"})
    made = two.content()
    assert [each["id"] for each in made.migrations] == ["0001_first.sql"]
    assert "was changed after production had it" in made.said[0]


def test_two_migrations_of_one_name_are_refused(two: Two) -> None:
    for repository in (two.shop, two.desk):
        repository.commit({"migrations/0002.sql": "select 1;\n"})
    with pytest.raises(SameMigration, match=r"0002\.sql"):
        two.content()


def test_new_tests_are_those_that_were_added_under_the_names_that_reports_have(two: Two) -> None:
    old = "def test_old() -> None: ...\n"
    two.desk.commit({
        "tests/test_desk.py": f"{old}async def test_new() -> None: ...\ndef helper() -> None: ...\n",
        "tests/unit/test_more.py": "class TestGap:\n    def test_fill(self) -> None: ...\n    def other(self): ...\n",
        "tests/test_broken.py": "def test_(:\n",
        "other/test_elsewhere.py": old,
    })  # fmt: skip
    made = two.content()
    assert made.new_tests == ("tests.test_desk.test_new", "tests.unit.test_more.TestGap.test_fill")
    assert made.said == ("desk: tests/test_broken.py: it is no Python (SyntaxError)",)


def test_names_are_those_of_pytests_own_report(tmp_path: Path) -> None:
    source = (
        "import unittest\n\ndef test_one():\n    pass\n\nclass TestTwo:\n    class TestInner:\n"
        "        def test_deep(self):\n            pass\n\nclass Three(unittest.TestCase):\n"
        "    def test_case(self):\n        pass\n\nif True:\n    def test_four():\n        pass\n"
    )
    Repository.made(tmp_path / "suite").write({"tests/test_all.py": source})
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junit-xml=out.xml", "--rootdir=."]
    subprocess.run(words, cwd=tmp_path / "suite", check=True, capture_output=True, timeout=120)
    from xml.etree import ElementTree as ET

    cases = ET.fromstring((tmp_path / "suite" / "out.xml").read_text(encoding="utf-8")).iter("testcase")
    reported = {f"{case.get('classname')}.{case.get('name')}" for case in cases}
    assert set(names_in("tests/test_all.py", source.encode())) == reported
    assert len(reported) == 4


def test_tests_that_are_not_pythons_are_found_as_configured_or_named_by_hand() -> None:
    with pytest.raises(NotReadable, match="--new-test"):
        names_in("quotes_test.go", b"func TestQuotes(t *testing.T) {}")


JAVA = """package com.shop;

class OrdersTest {
    @Test
    void old() {}

    @Test
    @DisplayName("the total of nothing")
    void nothingIsZero() { assertEquals(0, total()); }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    public void adds(int quantity) {}

    // @Test void commentedOut() {}
    void helper() {}
}
"""
GO = """package orders

func TestTotal(t *testing.T) {
\tt.Run("empty", func(t *testing.T) {})
}

func helper() {}
"""
# As docs/RUNNERS.md has them.
OTHERS = [
    {
        "files": "src/test/java/**/*Test.java",
        "match": r"^\s*@(?:Test|ParameterizedTest|RepeatedTest)\b[^{;]*?(?:\{[^}]*\}[^{;]*?)?\bvoid\s+(\w+)\s*\(",
        "name": "{stem}.{test}",
    },
    {"files": "desk:**/*_test.go", "match": r"^func (Test\w+)\("},
]
# As Gradle, Maven and gotestsum write them.
REPORTS = [
    """<testsuite name="com.shop.OrdersTest" tests="4">
    <testcase name="old()" classname="com.shop.OrdersTest"/>
    <testcase name="nothingIsZero()" classname="com.shop.OrdersTest"/>
    <testcase name="adds(int)[1]" classname="com.shop.OrdersTest"/>
    <testcase name="adds(int)[2]" classname="com.shop.OrdersTest"/></testsuite>""",
    """<testsuite name="com.shop.OrdersTest" tests="3">
    <testcase name="nothingIsZero" classname="com.shop.OrdersTest" time="0.01"/>
    <testcase name="adds(int)[1]" classname="com.shop.OrdersTest" time="0.01"/></testsuite>""",
    """<testsuites><testsuite name="example.com/desk/orders" tests="2">
    <testcase classname="example.com/desk/orders" name="TestTotal"/>
    <testcase classname="example.com/desk/orders" name="TestTotal/empty"/></testsuite></testsuites>""",
]


def test_tests_of_any_language_are_found_by_an_expression_and_in_the_reports_of_its_tools(two: Two) -> None:
    java, go = "src/test/java/com/shop/OrdersTest.java", "orders/orders_test.go"
    two.bases["shop"] = two.shop.commit({java: "class OrdersTest {\n    @Test\n    void old() {}\n}\n"})
    two.shop.commit({java: JAVA, "other/Test.java": JAVA, go: GO})
    two.desk.commit({go: GO, "tests/test_desk.py": "def test_old() -> None: ...\ndef test_new() -> None: ...\n"})
    two.document["content"] = {"new_tests": ["tests/**/test_*.py", *OTHERS]}
    made = two.content()
    assert not made.said
    ofjava = ["OrdersTest.nothingIsZero", "OrdersTest.adds"]
    assert sorted(made.new_tests) == sorted([*ofjava, "TestTotal", "tests.test_desk.test_new"])
    gradle, maven, gotestsum = (read_report(each.encode()) for each in REPORTS)
    assert gradle.ran_of(made.new_tests) == maven.ran_of(made.new_tests) == ofjava
    assert gotestsum.ran_of(made.new_tests) == ["TestTotal"]
    failed = REPORTS[2].replace('name="TestTotal/empty"/>', 'name="TestTotal/empty"><failure/></testcase>')
    assert read_report(failed.encode()).ran_of(made.new_tests) == []
    page = (ROOT / "docs" / "RUNNERS.md").read_text(encoding="utf-8")
    assert all(f"match = '{each['match']}'" in page for each in OTHERS)


@pytest.mark.parametrize(
    "entry",
    [
        {"files": "*.go"},
        {"files": "*.go", "match": "("},
        {"files": "*.go", "match": "func Test"},
        {"files": "*.go", "match": "(func) (Test)"},
        {"files": "*.go", "match": "(Test)", "name": "always the same"},
        {"files": "*.go", "match": r"(Test)\1"},
        {"files": 3, "match": "(Test)"},
        {"files": "ship:*.go", "match": "(Test)"},
        {"match": "(Test)"},
        {"files": "*.go", "match": "(Test)", "language": "go"},
        3,
    ],
)
def test_an_entry_that_finds_no_tests_is_refused(entry: object) -> None:
    with pytest.raises(NotConfigured, match=r"content\.new_tests"):
        wanted_of({"repositories": {"shop": "."}, "content": {"new_tests": [entry]}})


def test_a_pattern_may_be_meant_in_one_repository() -> None:
    document = {"repositories": {"shop": "shop"}, "content": {"migrations": ["shop:db/**/*.sql", "m?.sql"]}}
    found = wanted_of(document).migrations
    assert found.match("shop", "db/1.sql")
    assert found.match("shop", "db/deep/er/1.sql")
    assert not found.match("desk", "db/1.sql")
    assert found.match("desk", "m1.sql")
    assert not found.match("desk", "m12.sql")
    with pytest.raises(NotConfigured, match="is no repository"):
        wanted_of({"content": {"migrations": ["ship:*.sql"]}})
    with pytest.raises(NotConfigured, match="no such setting"):
        wanted_of({"content": {"migration": ["*.sql"]}})


def test_a_shallow_clone_is_refused(two: Two, tmp_path: Path) -> None:
    two.shop.commit({"app.py": "two\n"})
    subprocess.run(["git", "clone", "-q", "--depth", "1", f"file://{two.shop.path}", str(tmp_path / "cut")], check=True)
    two.document["repositories"]["shop"] = str(tmp_path / "cut")
    with pytest.raises(HistoryCut, match="unshallow"):
        two.content()


def test_a_base_that_the_clone_does_not_have_or_nobody_recorded_is_refused(two: Two) -> None:
    with pytest.raises(UnknownCommit, match="git fetch"):
        two.content(bases={**two.bases, "shop": "f" * 40})
    with pytest.raises(UnknownCommit):
        two.content(heads={"shop": "--output=/tmp/x"})
    with pytest.raises(NoBase, match="desk"):
        two.content(bases={"shop": two.bases["shop"]})


def test_what_is_no_clone_is_said_so(two: Two, tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere", tmp_path):
        two.document["repositories"]["shop"] = str(path)
        with pytest.raises(GitFailed, match=r"shop|clone"):
            two.content()


def test_more_commits_than_a_record_holds_are_refused(two: Two) -> None:
    lines = "".join(
        f"commit refs/heads/main\ncommitter A <anton@example.org> {1_700_000_000 + n} +0000\ndata 1\nx\n"
        + (f"from {two.bases['shop']}\n" if n == 0 else "")
        for n in range(201)
    )
    subprocess.run(["git", "fast-import", "--quiet"], cwd=two.shop.path, input=lines.encode(), check=True)
    two.shop.git("reset", "-q", "--hard")
    with pytest.raises(TooManyCommits, match="201"):
        two.content().fields(PEOPLE)


def test_a_first_release_takes_all_there_is(two: Two) -> None:
    made = two.content(bases={"shop": None, "desk": None})
    assert len(made.commits) == 2
    assert [each["id"] for each in made.migrations] == ["0001_first.sql"]
    with opened(two.places) as clones:
        spans = spans_of(clones, {"shop": None, "desk": None}, {})
        assert {change.path for span in spans for change in changes_in(span)} >= {"app.py", "desk.py"}


def test_what_is_not_committed_is_named(two: Two, shop: Clone) -> None:
    assert shop.uncommitted() == []
    two.shop.write({"app.py": "changed\n", "new.sql": "select 1;\n"})
    assert [each[3:] for each in shop.uncommitted()] == ["app.py", "new.sql"]


def test_a_subject_of_odd_signs_is_one_commit(two: Two) -> None:
    two.shop.commit({"app.py": "two\n"}, "odd \x01\x02\x1f signs", author="A\x1fB <anton@example.org>")
    with opened(two.places) as clones:
        [written] = [each for span in spans_of(clones, two.bases, {}) for each in commits_in(span)]
    assert written.authors[0].address == "anton@example.org"


HOSTILE = """[diff]
    noprefix = true
    algorithm = patience
    renames = copies
    context = 9
    external = false
    indentHeuristic = true
    orderFile = order
[color]
    ui = always
[core]
    quotePath = false
    attributesFile = {attributes}
[diff "odd"]
    textconv = rev
    xfuncname = ^.*$
"""


def test_the_diffs_digest_is_the_same_whatever_the_asker_has_set(
    two: Two, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two.shop.commit({
        "app.py": "one\n\ntwo\n",
        "müll.txt": "x\n" * 30,
        ".gitattributes": "*.py -diff\n*.txt diff=odd\n",
        "blob": bytes(range(256)),
    })  # fmt: skip
    two.shop.git("mv", "app.py", "main.py")
    two.shop.commit({})
    two.desk.commit({"desk.py": "two\n"})
    expected = two.digest()
    (tmp_path / "attributes").write_text("* binary\n", encoding="utf-8")
    (tmp_path / ".gitconfig").write_text(HOSTILE.format(attributes=tmp_path / "attributes"), encoding="utf-8")
    (two.shop.path / ".git" / "info" / "attributes").write_text("* diff=odd\n", encoding="utf-8")
    (two.shop.path / ".git" / "config").write_text(
        (two.shop.path / ".git" / "config").read_text(encoding="utf-8") + HOSTILE.format(attributes="/dev/null"),
        encoding="utf-8",
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "false")
    monkeypatch.setenv("GIT_DIFF_OPTS", "-u9")
    monkeypatch.setenv("GIT_DIR", str(two.desk.path / ".git"))
    monkeypatch.chdir(two.desk.path)
    assert two.digest() == expected


def test_replaced_commits_change_neither_the_diff_nor_who_is_an_ancestor(two: Two) -> None:
    evil = two.shop.commit({"app.py": "evil\n"})
    expected = two.digest()
    harmless = two.shop.git(
        "commit-tree", f"{two.bases['shop']}^{{tree}}", "-p", str(two.bases["shop"]), "-m", "nothing"
    )
    two.shop.git("replace", evil, harmless)
    assert two.digest() == expected
    two.shop.git("checkout", "-q", "--orphan", "apart")
    apart = two.shop.commit({"app.py": "apart\n"})
    two.shop.git("replace", "--graft", apart, str(two.bases["shop"]))
    assert two.content(releases={"old": {"shop": str(two.bases["shop"])}}).contains == ()


def test_the_digest_is_of_what_is_documented_and_of_all_repositories(two: Two) -> None:
    heads = {
        "shop": two.shop.commit({"app.py": "two\n"}),
        "desk": two.desk.commit({"desk.py": "two\n"}),
    }
    digest = hashlib.sha256()
    for name, repository in (("desk", two.desk), ("shop", two.shop)):
        digest.update(f"repository {name} {two.bases[name]}..{heads[name]}\n".encode())
        digest.update(f"{repository.git('diff', *OPTIONS, str(two.bases[name]), heads[name])}\n".encode())
    before = two.digest()
    assert before == f"sha256:{digest.hexdigest()}"
    two.desk.commit({"desk.py": "three\n"})
    assert two.digest() != before


def test_the_page_has_the_digests_options_so_that_others_compute_it() -> None:
    page = (Path(__file__).parents[2] / "docs" / "RUNNERS.md").read_text(encoding="utf-8")
    assert f"git diff {' '.join(OPTIONS)} BASE HEAD" in " ".join(page.replace("\\\n", " ").split())


def test_everything_that_git_cannot_do_is_one_kind_of_failure() -> None:
    assert all(issubclass(each, Stopped) for each in (GitFailed, UnknownCommit, HistoryCut, NoBase, SameMigration))


def test_a_repository_is_named_and_lies_somewhere(tmp_path: Path) -> None:
    for table in ({"a b": "x"}, {"shop": ""}, {"shop": 3}):
        with pytest.raises(NotConfigured):
            places_of({"repositories": table}, home=tmp_path)
    assert Wanted().migrations.match("shop", "anything") is False
