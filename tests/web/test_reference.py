"""The API's reference is a page that needs no other host, keeps a strict policy, and tells of every route."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.fixtures.browser import Browsing

METHODS = {"get", "post", "put", "delete", "patch"}
# The page holds only those routes that are in sight: in a window as high as this, all of them are.
HEIGHT = 20_000
DRAWN_MS = 30_000  # only against hangs
# What people look for: one of each part of the API.
TOLD = {
    ("GET", "/ready"),
    ("GET", "/v1/{project}/gates"),
    ("GET", "/v1/{project}/metrics"),
    ("GET", "/v1/{project}/events"),
    ("GET", "/v1/{project}/system"),
    ("GET", "/v1/{project}/adjustments/{name}"),
    ("GET", "/v1/{project}/policy/effects"),
    ("POST", "/v1/{project}/commands/RequestDeploy"),
    ("POST", "/v1/{project}/explain/RequestDeploy"),
}
ROWS = """rows => rows.map(row => [
    row.querySelector(".opblock-summary-method").textContent,
    row.querySelector(".opblock-summary-path").dataset.path,
])"""


@pytest.fixture
def reference(browsing: Browsing) -> Page:
    """The page, in a browser of somebody who is not signed in; whatever it loads from elsewhere fails the test."""
    page = browsing.tab(who=None, height=HEIGHT)
    page.goto("/docs")
    expect(page.locator(".opblock").first).to_be_visible(timeout=DRAWN_MS)
    return page


def test_every_route_of_the_document_is_on_the_page_and_opens(reference: Page) -> None:
    document = reference.request.get("/openapi.json").json()
    operations = {
        (method.upper(), path): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }
    # Some stand under two headings.
    told = sum(len(operation["tags"]) for operation in operations.values())
    expect(reference.locator(".opblock")).to_have_count(told, timeout=DRAWN_MS)
    shown = {(method, path) for method, path in reference.locator(".opblock-summary").evaluate_all(ROWS)}
    assert shown == operations.keys()
    assert shown >= TOLD
    route = reference.locator(".opblock", has=reference.locator('[data-path="/v1/{project}/gates"]')).first
    route.locator(".opblock-summary-control").click()
    expect(route.locator(".responses-table").first).to_contain_text("not-authenticated", timeout=DRAWN_MS)


def test_it_is_laid_out_and_its_policy_lets_nothing_in(reference: Page) -> None:
    policy = reference.request.get("/docs").headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert re.findall(r"unsafe|https?:|\*", policy) == []
    # The stylesheet was taken: without it, a method stands in no box.
    box = reference.locator(".opblock-summary-method").first
    assert box.evaluate("box => getComputedStyle(box).backgroundColor") != "rgba(0, 0, 0, 0)"
