"""`python -m interlock.serve`: one server process, from its settings to its last signal."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import socket
import sys
from pathlib import Path
from typing import Final

if __name__ == "__main__":
    # What is imported lives as long as the process: to look for garbage in it takes a tenth of the start.
    gc.disable()

import asyncpg

from interlock.desk import DeskError
from interlock.ledger import LedgerError
from interlock.serve import logs
from interlock.serve.database import database_of, why_not
from interlock.serve.listening import bound_socket, http_server, stop_at_signals, url_of
from interlock.serve.parts import ALL, PARTS, Asked, builder
from interlock.serve.refusals import CannotStart
from interlock.serve.settings import CONFIG_NAME, PORT_MAX, Settings, load
from interlock.serve.wiring import own_version

# Objects that live as long as the process are not looked at again and again: p99 falls from about 80 to 15 ms. What is
# young is looked at in small lots: 5,000 objects take 3 ms, where 50,000 stopped everything for 50.
GC_THRESHOLDS: Final = (5_000, 50, 200)


def arguments(given: list[str]) -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m interlock.serve", description="Serve one project's Interlock.")
    parser.add_argument("--config", type=Path, default=Path(CONFIG_NAME), help="the settings (interlock.toml)")
    parser.add_argument("--data", type=Path, help="the embedded database's directory; wins over the settings")
    parser.add_argument(
        "--part", choices=(ALL, *PARTS), default=ALL, help="one part alone; without it all, in one process"
    )
    parser.add_argument("--kafka", metavar="HOST:PORT", help="where Kafka is; wins over the settings")
    parser.add_argument("--host", help="where to listen")
    parser.add_argument("--port", type=_port, help="0 for any free one")
    parser.add_argument("--test-clock", action="store_true", help="a test database, whose time requests set")
    parser.add_argument("--ready-file", type=Path, help="written when requests are taken: JSON with url, port, pid")
    parser.add_argument("--ready-fd", type=int, help="the same line, to this file descriptor, which is then closed")
    parser.add_argument("--verbose", action="store_true", help="say more on stderr")
    parser.add_argument("--version", action="version", version=own_version())
    return parser.parse_args(given)


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= PORT_MAX:
        raise ValueError
    return port


def main(given: list[str] | None = None) -> int:
    """Serve until told to stop; return the exit code. A server that does not start says why in one line."""
    options = arguments(sys.argv[1:] if given is None else given)
    logs.begin(options.part, "text", verbose=options.verbose)
    try:
        settings = load(options.config, data=options.data, host=options.host, port=options.port, kafka=options.kafka)
        logs.begin(options.part, settings.server.log, verbose=options.verbose)
        asyncio.run(serve(settings, options))
    except CannotStart as refusal:
        print(f"✗ interlock does not start: {refusal}", file=sys.stderr)
        return refusal.exit_code
    return 0


async def serve(settings: Settings, options: argparse.Namespace) -> None:
    """Build everything, tell that it is ready, and serve until a signal. Raises CannotStart."""
    bound = bound_socket(settings.server.host, settings.server.port)
    settings.policy_document()
    async with database_of(settings, test=options.test_clock) as database:
        try:
            async with builder(options.part)(Asked(settings, database, options.test_clock)) as parts:
                server = http_server(parts.app)
                stop_at_signals(server, parts.stopping)
                gc.freeze()
                gc.set_threshold(*GC_THRESHOLDS)
                gc.enable()
                serving = asyncio.create_task(server.serve(sockets=[bound]))
                told = asyncio.create_task(_tell_when_started(server, bound, settings, options, database.described))
                try:
                    await serving
                finally:
                    told.cancel()
                    await asyncio.gather(told, return_exceptions=True)
        except (LedgerError, DeskError, asyncpg.PostgresError) as wrong:
            raise why_not(wrong) from wrong


async def _tell_when_started(
    server: object, bound: socket.socket, settings: Settings, options: argparse.Namespace, described: str
) -> None:
    from interlock.serve.seams import sleep

    while not getattr(server, "started", False):
        await sleep(0.01)
    url = url_of(bound)
    clock = ", test clock" if options.test_clock else ""
    part = "" if options.part == ALL else f"'s {options.part}"
    said = f"Interlock {own_version()}{part} serves project {settings.project} at {url} ({described}{clock})"
    print(said, flush=True)
    tell_ready(
        {
            "url": url,
            "port": bound.getsockname()[1],
            "pid": os.getpid(),
            "part": options.part,
            "project": settings.project,
            "test_clock": options.test_clock,
        },
        options.ready_file,
        options.ready_fd,
    )


def tell_ready(document: dict[str, object], path: Path | None, descriptor: int | None) -> None:
    """Write that requests are taken: a whole file or none, and one line to whoever holds the descriptor's other end."""
    line = json.dumps(document) + "\n"
    if path is not None:
        unfinished = path.with_name(f"{path.name}.{os.getpid()}")
        unfinished.write_text(line, encoding="utf-8")
        unfinished.replace(path)
    if descriptor is not None:
        with os.fdopen(descriptor, "w", encoding="utf-8") as other_end:
            other_end.write(line)


if __name__ == "__main__":
    sys.exit(main())
