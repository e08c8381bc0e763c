"""How long the server takes for a page, and how many bytes a first view is: 500 releases, 100,000 events.

Of the releases OPEN are on their way; the others are over. What is measured is a request on a connection that is open,
one after the other, from the first byte sent to the last one read, by a client on the same machine. The first view is
the page with its style and scripts, as a browser that was never here asks for them: the bytes as they are, and as they
travel, where style and scripts are compressed and pages are not. The first paint is a real Chromium's own: from asking
to the first letters on the screen, each time in a browser that was never here.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import monotonic, perf_counter, sleep

import httpx2
from playwright.sync_api import ViewportSize

from bench.ledger import server_of_its_own
from bench.project import Desks, command_of, event_id, open_project
from bench.timing import Timing
from interlock.desk import Desk
from interlock.ledger import Ledger
from interlock.ledger.embedded import Dsns
from tests.fixtures.browser import SERVED, chromium, sign_in
from tests.fixtures.server import PROJECT, config_text, serving
from tests.web.served import COOKIE

RELEASES = 500
OPEN = 20
EVENTS = 100_000
TOLD_AT_ONCE = 50
REQUESTS = 400
WARM_REQUESTS = 40
OPENED = 15
VIEWPORT: ViewportSize = {"width": 1440, "height": 900}
PAINTED = "performance.getEntriesByName('first-contentful-paint')"
ASSET = re.compile(r'(?:href|src|data-worker)="(/static/[^"]+)"')
IMPORTED = re.compile(r'from "\./([a-z]+\.js)"')


async def tell(dsns: Dsns, *, releases: int, events: int) -> int:
    """Record the history, and return its last position."""
    ledger = await Ledger.open(dsns.app)
    desk = Desk(ledger, monotonic=monotonic, event_ids=event_id)
    try:
        desks = Desks(desk, PROJECT)
        await open_project(desks)
        holds = max(1, (events // releases - 4) // 2)
        for first in range(0, releases, TOLD_AT_ONCE):
            names = [f"4.{number}.0" for number in range(first, min(first + TOLD_AT_ONCE, releases))]
            telling = [
                _one(desks, name, holds, over=number < releases - OPEN)
                for number, name in enumerate(names, start=first)
            ]
            await asyncio.gather(*telling)
        return (await ledger.head(PROJECT)).position
    finally:
        await desk.close()
        await ledger.close()


async def _one(desks: Desks, name: str, holds: int, *, over: bool) -> None:
    for step in ("open", "content", *("hold", "lift") * holds, *(("withdraw",) if over else ())):
        await desks.must(command_of(step, name))


def measure(client: httpx2.Client, address: str, requests: int) -> tuple[Timing, int]:
    """Ask for the page again and again; return how long it took, and its bytes."""
    timing, size = Timing(), 0
    for number in range(WARM_REQUESTS + requests):
        began = perf_counter()
        answer = client.get(address)
        taken = perf_counter() - began
        assert answer.status_code == 200, (address, answer.status_code, answer.text[:200])
        if number >= WARM_REQUESTS:
            timing.add([taken])
        size = len(answer.content)
    return timing, size


def first_view(client: httpx2.Client, address: str) -> tuple[int, int]:
    """Return the bytes of the page, its style, and its scripts with what they import: as they are, as they travel."""
    page = client.get(address)
    size, sent = len(page.content), int(page.headers["content-length"])
    waiting, seen = ASSET.findall(page.text), set[str]()
    while waiting:
        asset = waiting.pop()
        if asset in seen:
            continue
        seen.add(asset)
        body = client.get(asset)
        assert body.status_code == 200, asset
        size += len(body.content)
        sent += int(body.headers["content-length"])
        folder = asset.rpartition("/")[0]
        waiting += [f"{folder}/{name}" for name in IMPORTED.findall(body.text)] if asset.endswith(".js") else []
    return size, sent


def first_paints(url: str, addresses: Sequence[str], opened: int) -> list[Timing]:
    """Open each page `opened` times in browsers without a past; return how long until something was to be read."""
    timings = [Timing() for _ in addresses]
    with chromium() as browser:
        for _ in range(opened):
            for address, timing in zip(addresses, timings, strict=True):
                context = browser.new_context(base_url=url, viewport=VIEWPORT)
                sign_in(context, url, "anton")
                page = context.new_page()
                page.goto(address)
                page.wait_for_function(f"() => {PAINTED}.length > 0")
                timing.add([page.evaluate(f"{PAINTED}[0].startTime") / 1000])
                context.close()
    return timings


def main(given: Sequence[str] | None = None) -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.pages", description=__doc__.splitlines()[0] if __doc__ else None
    )
    parser.add_argument("--releases", type=int, default=RELEASES)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--opened", type=int, default=OPENED, help="how often a browser opens each page")
    options = parser.parse_args(given)
    with server_of_its_own() as server, tempfile.TemporaryDirectory(prefix="interlock-bench-") as home:
        dsns = asyncio.run(server.prepare())
        last = asyncio.run(tell(dsns, releases=options.releases, events=options.events))
        gc.collect()
        print(f"pages of {options.releases} releases ({OPEN} open), {last:,} events")
        config = Path(home) / "interlock.toml"
        config.write_text(config_text(dsns=dsns), encoding="utf-8")
        with serving(config, module=SERVED) as served:
            client = httpx2.Client(base_url=served.url, cookies={COOKIE: f'"{PROJECT}|anton"'}, timeout=60)
            caught_up(client, last)
            pages = {
                "board": "",
                "release": f"releases/4.{options.releases - 1}.0",
                "releases": "releases",
                "environment": "environments/sandbox-anton",
            }
            addresses = [f"/p/{PROJECT}/{page}" for page in pages.values()]
            measured = [measure(client, address, options.requests) for address in addresses]
            paints = first_paints(served.url, addresses, options.opened)
            print(f"{'':15}{'page at the server':>24}{'first view':>18}{'first paint':>17}")
            columns = ("p50 ms", "p99 ms", "bytes", "bytes", "sent", "p50 ms", "max ms")
            print(f"  {'page':<12} " + " ".join(f"{column:>8}" for column in columns))
            for name, address, (timing, size), paint in zip(pages, addresses, measured, paints, strict=True):
                view, sent = first_view(client, address)
                print(
                    f"  {name:<12} {timing.within(0.5):8.1f} {timing.within(0.99):8.1f} {size:8,} {view:8,} {sent:8,}"
                    f" {paint.within(0.5):8.0f} {paint.within(1.0):8.0f}"
                )
            client.close()


def caught_up(client: httpx2.Client, last: int) -> None:
    """Wait until the read models know everything."""
    while client.get(f"/p/{PROJECT}/.json").json()["frame"]["position"] < last:
        sleep(0.2)


if __name__ == "__main__":
    main()
