"""The review of a release on a page: only of a diff whose bytes and commits are those of the record, read and typed."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from interlock.web.actions.reviewing import Base, _differs
from tests.web.reviews import RELEASE, heads_to_review, offered
from tests.web.signed import SignedServer, Visitor
from tests.web.test_acting import head, recorded

REVIEW = f"/p/demo/do/review?release={RELEASE}"
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


@pytest.fixture(scope="module")
def heads(server: SignedServer) -> dict[str, tuple[str, str]]:
    return heads_to_review(server)


@pytest.fixture
def reviewer(server: SignedServer) -> Visitor:
    return server.visitor("reviewer-1")


def form_of(page: str) -> str:
    return page.partition('<form class="fields" method="post"')[2].partition("</form>")[0]


def test_without_a_diff_the_page_says_how_one_comes_here(heads: Any, reviewer: Visitor) -> None:
    page = reviewer.get(REVIEW).text
    assert f"dt stage review {RELEASE} --offer" in page
    assert not form_of(page)
    unknown = reviewer.get(f"{REVIEW}&diff=sha256:{'0' * 64}").text
    assert "Nobody put a diff of this digest here" in unknown
    assert not form_of(unknown)
    assert "64 hex digits" in reviewer.get(f"{REVIEW}&diff=abc").text


def test_an_author_is_told_who_reviews_instead(server: SignedServer, heads: Any) -> None:
    page = server.visitor("anton").get(f"{REVIEW}&diff={offered(server, heads)}").text
    assert "reviewer-1" in page
    assert not form_of(page)


def test_a_diff_of_other_commits_cannot_be_approved_however_it_is_sent(
    server: SignedServer, heads: dict[str, tuple[str, str]], reviewer: Visitor
) -> None:
    [(name, (begin, end))] = heads.items()
    good = f"{REVIEW}&diff={offered(server, heads)}"
    other = "1" * 40
    wrong = {
        "does not lead to the commits": {name: (begin, other)},
        "does not lead to": {**heads, "another": (begin, end)},
    }
    before = head(server)
    for said, spans in wrong.items():
        digest = offered(server, spans)
        address = f"{REVIEW}&diff={digest}"
        page = reviewer.get(address).text
        assert said in page
        assert not form_of(page)
        fields = {**reviewer.form(good), "diff_digest": digest, "typed": digest[7:13]}
        assert reviewer.post(address, **fields).status_code == 409
        # Nor is another diff approved than the one that the address shows.
        assert reviewer.post(good, **fields).status_code == 409
    assert head(server) == before


def test_a_diff_begins_at_what_production_runs_in_each_repository_or_at_nothing() -> None:
    def said(begin: str, base: Base) -> str | None:
        return _differs([("shop", begin, "b" * 40)], {"shop": "b" * 40}, base)

    running = Base("4.11.3", {"shop": "a" * 40})
    assert said("a" * 40, running) is None
    for begin in ("c" * 40, EMPTY_TREE):
        assert said(begin, running) == "it does not begin at what production runs (4.11.3) in shop"
    assert said(EMPTY_TREE, Base("4.11.3", {})) is None
    assert said("a" * 40, Base("4.11.3", {})) is not None
    assert said("a" * 40, Base(None, {})) is not None
    # A second line for the same repository is another diff behind the first one.
    twice = [("shop", "a" * 40, "b" * 40), ("shop", "a" * 40, "b" * 40)]
    assert _differs(twice, {"shop": "b" * 40}, running) is not None


def test_what_was_read_and_typed_is_what_stands_in_the_record(
    server: SignedServer, heads: dict[str, tuple[str, str]], reviewer: Visitor
) -> None:
    digest = offered(server, heads)
    address = f"{REVIEW}&diff={digest}"
    page = reviewer.get(address).text
    # What a browser would obey, or not show, stands there as its number.
    assert "which commits production runs is not recorded" in page
    assert '<span class="d-cut">-old &lt;b&gt;</span>' in page
    assert '<span class="d-add">+new \\u202e</span>' in page
    before = head(server)
    assert reviewer.post(address, **reviewer.form(address), typed="000000").status_code == 422
    assert head(server) == before
    position = recorded(reviewer.post(address, **reviewer.form(address), typed=digest[7:13]))
    event = server.served["admin-1"].get(f"/events/{position}")["event"]
    assert (event["type"], event["by"]) == ("CodeReviewApproved", "reviewer-1")
    assert event["data"]["diff_digest"] == digest
    assert (
        event["data"]["base_release"] == server.served["anton"].get("/environments/production")["occupancy"]["release"]
    )
    [(begin, end)] = heads.values()
    assert event["data"]["commit_range"] == f"{begin[:12]}..{end[:12]}"
    assert hashlib.sha256(server.served["anton"].get_evidence(digest)).hexdigest() == digest[7:]
