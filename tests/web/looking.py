"""What is looked at on every page, whatever it says: its HTML, its words, its colours, its width, its stops."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

import html5lib
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page

WIDTHS = (320, 768, 1024, 1440, 1920)
# WCAG 2.2 A and AA, and what axe calls best practice.
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
# Light and dark differ in colours alone: in the dark nothing else is looked at twice, which is most of the work.
OF_COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
# What somebody can use.
STOPS = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']"


def valid(source: str) -> None:
    """It is HTML as the standard has it."""
    html5lib.HTMLParser(strict=True).parse(io.StringIO(source))


def words(page: Page) -> list[str]:
    """What somebody reads there."""
    return page.locator("main").inner_text().split()


def accessible(page: Page) -> None:
    """No rule of accessibility is broken, light or dark, also where something is folded away."""
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found: Any = Axe().run(page, options=RULES if scheme == "light" else OF_COLOURS).response
        told = [(each["id"], [node["html"][:200] for node in each["nodes"]][:4]) for each in found["violations"]]
        assert not told, (scheme, told)


def fits(page: Page, widths: Iterable[int] = WIDTHS) -> None:
    """Nothing is cut off at these widths, in pixels."""
    for width in widths:
        page.set_viewport_size({"width": width, "height": 800})
        found = overflow(page)
        assert not found, (width, found)


def overflow(page: Page) -> list[str]:
    """What is wider than the window or than its own place, and does not scroll by itself."""
    found: list[str] = page.evaluate(
        """() => {
          const width = document.documentElement.clientWidth;
          const wide = document.documentElement.scrollWidth > width;
          const beyond = (each) => each.getBoundingClientRect().right > width + 1 && !each.closest('.scroll, .strip');
          // Words that are longer than their place run over those beside them.
          const range = document.createRange();
          const over = (each) => {
            const beside = each.nextElementSibling;
            if (!beside || !each.matches('dt, th') || !each.checkVisibility()) return false;
            range.selectNodeContents(each);
            const [words, next] = [range.getBoundingClientRect(), beside.getBoundingClientRect()];
            return words.left < next.left && words.right > next.left + 1
              && words.top < next.bottom - 1 && next.top < words.bottom - 1;
          };
          return [...document.querySelectorAll('body *')]
            .filter((each) => over(each) || (wide && beyond(each)))
            .map((each) => `${each.tagName}.${each.className} ${each.textContent.trim().slice(0, 40)}`);
        }"""
    )
    return found


def reachable(page: Page) -> None:
    """Tab reaches everything that can be used, and shows where it is."""
    wanted = page.evaluate(
        "(stops) => [...document.querySelectorAll(stops)].filter((each) => each.checkVisibility()).length", STOPS
    )
    reached: set[int] = set()
    for _ in range(wanted + 5):
        page.keyboard.press("Tab")
        found = page.evaluate(
            """(stops) => {
              const each = document.activeElement;
              const style = getComputedStyle(each);
              return [[...document.querySelectorAll(stops)].indexOf(each), style.outlineStyle, style.outlineWidth];
            }""",
            STOPS,
        )
        if found[0] >= 0:
            reached.add(found[0])
            assert (found[1], found[2]) != ("none", "0px"), page.evaluate("document.activeElement.outerHTML")
    assert len(reached) == wanted
