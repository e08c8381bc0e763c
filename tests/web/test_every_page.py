"""No page is forgotten: each that the server has is among those that are looked at in a browser."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from interlock.web import app
from interlock.web.actions.table import BY_NAME
from tests.house.tree import REPOSITORY
from tests.web import test_forms, test_pages, test_record

TEMPLATES = REPOSITORY / "services" / "interlock" / "web" / "templates"
# What other templates are made of.
NOT_A_PAGE = {"base"}
ADDRESSES = (
    *test_pages.PAGES.values(),
    *(f"{test_record.BASE}{address}" for address in test_record.PAGES.values()),
    *(form.address for form in (*test_forms.FORMS.values(), *test_forms.ALIKE.values())),
)


def below_the_project(address: str) -> str | None:
    found = re.fullmatch(r"/p/demo/(.*)", urlsplit(address).path)
    return None if found is None else found[1]


def shown() -> set[str]:
    """The names of the pages that the addresses are of: the first pattern that fits, as the server has it."""
    paths = [path for path in map(below_the_project, ADDRESSES) if path is not None]
    fitting = (next((page.name for page in app.PAGES if page.match(path) is not None), None) for path in paths)
    return {name for name in fitting if name is not None}


def test_every_page_of_the_table_is_looked_at() -> None:
    assert shown() == {page.name for page in app.PAGES}


def test_everything_that_is_done_on_pages_is_looked_at() -> None:
    done = {path.removeprefix("do/") for path in map(below_the_project, ADDRESSES) if path and path.startswith("do/")}
    # One more is nothing that can be done: its page says so.
    assert done == BY_NAME.keys() | {"nothing"}


def test_every_template_is_looked_at() -> None:
    forms = {form.page for form in (*test_forms.FORMS.values(), *test_forms.ALIKE.values())}
    assert shown() | forms | NOT_A_PAGE == {Path(each).stem for each in TEMPLATES.glob("*.html")}
