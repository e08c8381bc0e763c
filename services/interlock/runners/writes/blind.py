"""What a server's settings let the watch not see: asked of the server itself, said before one relies on it."""

from __future__ import annotations

from typing import Any, Final

from interlock.runners.statements import sql

WRITES: Final = frozenset({"mod", "all"})


async def blind_spots(connection: Any) -> list[str]:
    """Return a sentence for each setting that hides writes; none where all is as it should be."""
    found = await connection.fetchrow(sql("log_settings"))
    spots = []
    if not found["collects"]:
        spots.append("logging_collector is off: PostgreSQL writes no log files")
    if "jsonlog" not in found["destination"]:
        spots.append("log_destination has no jsonlog: the log cannot be read")
    if found["statements"] not in WRITES:
        spots.append(f"log_statement is {found['statements']}: set it to mod")
    if found["zone"] not in {"UTC", "GMT"}:
        spots.append(f"log_timezone is {found['zone']}: set it to UTC")
    spots += [f"{name} has a setting of its own that hides its statements" for name in found["hidden"]]
    return spots
