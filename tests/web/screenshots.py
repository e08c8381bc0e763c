"""`make screenshots`: the README's pictures, of the demo's two weeks as they stand at their end.

Times, persons, positions and figures are the story's, and the same in each run. What is made anew is a database's own
name (its system identifier), the digests of what names it, and how long its work took: an adjustment's picture differs
in these.
"""

from __future__ import annotations

import math
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from interlock.cli.demo.cast import PROJECT
from tests.fixtures.browser import ME, SERVED, chromium, sign_in
from tests.fixtures.server import serving
from tests.house.tree import REPOSITORY

PICTURES = REPOSITORY / "docs" / "pictures"
WIDTH = 1280
# Nobody waits for it but whoever called it: as long as the server lives and the browser works, it goes on.
START_SECONDS = math.inf
WAIT_MS = 10 * 60 * 1_000
# What somebody reads in the picture: every word whose place is in the window.
SEEN = """() => {
  const words = [], range = document.createRange();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    range.selectNodeContents(walker.currentNode);
    const place = range.getBoundingClientRect();
    if (place.width && place.top < innerHeight && place.bottom > 0) words.push(walker.currentNode.textContent.trim());
  }
  return words.filter((each) => each).join(' ');
}"""


@dataclass(frozen=True)
class Shot:
    """One picture: its file's name, the page below the project's address, its height in pixels, and its colours."""

    name: str
    page: str
    height: int
    scheme: Literal["light", "dark"] = "light"


SHOTS = (
    Shot("board", "", 1000),
    Shot("board-dark", "", 1000, "dark"),
    Shot("release", "releases/4.13.0", 900),
    Shot("adjustment", "adjustments/ADJ-1", 880),
    Shot("audit", "audit?release=4.12.0", 900),
    Shot("metrics", "metrics", 1000),
)


def main(only: list[str]) -> int:
    """Play the demo, and take the pictures that are named, or all."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="interlock-pictures-") as scratch:
        home = Path(scratch) / "demo"
        subprocess.run([Path(sys.executable).with_name("dt"), "demo", "--once", "--keep", home], check=True)
        with (
            serving(home / "interlock.toml", "--test-clock", module=SERVED, start_seconds=START_SECONDS) as served,
            chromium() as browser,
        ):
            for shot in SHOTS:
                if only and shot.name not in only:
                    continue
                context = browser.new_context(
                    base_url=served.url, viewport={"width": WIDTH, "height": shot.height}, color_scheme=shot.scheme
                )
                context.set_default_timeout(WAIT_MS)
                sign_in(context, served.url, ME, PROJECT)
                page = context.new_page()
                page.goto(f"/p/{PROJECT}/{shot.page}")
                page.wait_for_function("() => document.querySelector('#live').dataset.state === 'live'")
                seen = page.evaluate(SEEN)
                assert str(scratch) not in seen, f"{shot.name} shows where the demo's files are: {seen}"
                file = PICTURES / f"{shot.name}.png"
                before = file.read_bytes() if file.exists() else b""
                same = page.screenshot(path=file, animations="disabled") == before
                print(f"{shot.name}: {'as it was' if same else 'another picture'}")
                context.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
