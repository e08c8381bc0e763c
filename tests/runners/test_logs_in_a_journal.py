"""A real journal, written by systemd's own tool in its own format, and read by journalctl as `dt logs check` does."""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any

from interlock.runners.logs.parts import Part, Period
from interlock.runners.logs.queries import Machine, read_journal
from interlock.runners.logs.settings import logs_of
from tests.runners.shop import ROOT
from tests.runners.test_logs import at

UNPACKED = ROOT / ".journal" / "root"
PLACES = (Path("/usr/lib/systemd"), Path("/lib/systemd"), UNPACKED / "usr/lib/systemd", UNPACKED / "lib/systemd")
HERE = "0123456789abcdef0123456789abcdef"
# Only against hangs.
WRITE_SECONDS = 60


class NotSetUp(Exception):
    """systemd-journal-remote, which writes a journal, is not here: `sh infra/setup-journal.sh` fetches it"""


def remote() -> Path:
    found = next(
        (place / "systemd-journal-remote" for place in PLACES if (place / "systemd-journal-remote").exists()), None
    )
    if found is None:
        raise NotSetUp(NotSetUp.__doc__)
    return found


def entry(when: datetime, message: bytes, unit: str = "shop.service") -> bytes:
    """One entry in systemd's export format; a message may hold any bytes."""
    stamp = int(when.timestamp() * 1_000_000)
    fields = {
        "__REALTIME_TIMESTAMP": stamp, "__MONOTONIC_TIMESTAMP": stamp % 10**9, "_BOOT_ID": HERE, "_MACHINE_ID": HERE,
        "_SYSTEMD_UNIT": unit, "PRIORITY": 6,
    }  # fmt: skip
    text = "".join(f"{name}={value}\n" for name, value in fields.items()).encode()
    return text + b"MESSAGE\n" + len(message).to_bytes(8, "little") + message + b"\n\n"


def written(folder: Path, name: str, *entries: bytes) -> Path:
    """Write a journal file of these entries."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.journal"
    libraries = os.pathsep.join(str(each) for each in UNPACKED.glob("usr/lib/*-linux-gnu"))
    subprocess.run(
        [str(remote()), f"--output={path}", "-"],
        input=b"".join(entries),
        env={**os.environ, "LD_LIBRARY_PATH": libraries},
        check=True,
        capture_output=True,
        timeout=WRITE_SECONDS,
    )
    return path


async def read(folder: Path, since: float = 0, until: float = 60) -> tuple[Part, list[bytes]]:
    table: dict[str, Any] = {"journald": "shop.service", "journal": str(folder)}
    table["patterns"] = [{"name": "lost", "match": "lost"}]
    logs = logs_of({"logs": {"production": table}}, "production", folder)
    seen: list[bytes] = []
    machine = Machine(folder, dict(os.environ), monotonic)
    part = await read_journal(logs, Period(at(since), at(until), False), machine, lambda _, raw: seen.append(raw))
    return part, seen


async def test_what_the_unit_said_in_the_period_is_read_whatever_bytes_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    written(
        folder,
        "here",
        entry(at(-5), b"order 1 placed"),
        entry(at(1), b"order 2 lost"),
        entry(at(2), b"another unit's", unit="desk.service"),
        entry(at(3), b"two\nlines"),
        entry(at(4), b"\xff\x00 no text"),
    )
    # What was rotated, or came from another machine, lies beside it.
    written(folder, "there", entry(at(5), b"order 3 lost"), entry(at(61), b"later"))
    part, seen = await read(folder)
    assert not part.missing
    assert part.until == at(60)
    assert seen == [b"order 2 lost", b"two\nlines", b"\xff\x00 no text", b"order 3 lost"]
    part, seen = await read(folder, 60, 120)
    assert (part.missing, seen) == ([], [b"later"])


async def test_a_journal_that_does_not_reach_back_is_a_gap(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    written(folder, "here", entry(at(1), b"order 2 lost"))
    part, _ = await read(folder)
    assert part.until is None
    assert "does not reach back" in part.missing[0]


async def test_a_journal_that_is_damaged_is_a_gap(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    written(folder, "here", entry(at(-5), b"order 1 placed"), entry(at(1), b"order 2 lost"))
    damaged = written(folder, "there", entry(at(2), b"order 3 lost"))
    content = damaged.read_bytes()
    damaged.write_bytes(content[:16] + bytes(240) + content[256:])
    part, _ = await read(folder)
    assert part.until is None
    assert part.missing


def test_the_journalctl_of_this_machine_is_systemds_own() -> None:
    found = shutil.which("journalctl")
    assert found is not None, "infra/setup-journal.sh installs it"
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=True, timeout=WRITE_SECONDS)
    assert said.stdout.startswith("systemd ")
