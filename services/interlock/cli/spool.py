"""Reports of facts that wait while the server is away; `dt sync` sends them. What asks for leave never waits here.

    spool/00000001-UUID.json     one report: what, for which server and project, by whom, under which idempotency key
    spool/evidence/SHA256        what a report names by its digest, sent before it
    spool/refused/…              what the server refused, with its answer

A report is on disk before anybody is told that it waits. A crash before that leaves nothing, and the command ends
without a word of a report; a crash of `dt sync` after the server took one leaves it here, and under the same key it has
the effect that it had.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid5

from interlock.cli.settings import PRIVATE_DIRECTORY, config_directory, write_private

REPORTS: Final = frozenset(
    {
        "ReportDeploySucceeded", "ReportDeployFailed", "ReportTestRun", "ReportRestored", "ReportRestoreFailed",
        "ReportMigrated", "ReportMigrationFailed", "CheckLogs", "ObserveFact",
    }
)  # fmt: skip
# The others say themselves when it was: when a test run ended, up to when logs were read.
SAY_WHEN: Final = REPORTS - {"ReportTestRun", "CheckLogs"}
# A report that was sent and not answered may have arrived. Sent later, with its time, it is another command with a
# key of its own: where the first one arrived, the rules find that it is so already.
LATE: Final = UUID("6f0d2b1c-2a64-5e2f-9d55-7a3c0f4f0c11")
DIGITS: Final = 8


class NoReport(Exception):
    """only reports of what happened may wait; what asks for leave is asked again"""


class BrokenReport(Exception):
    """a file in the spool holds no report"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One report as it waits; `path` is its file, `refused` the server's answer where it was one."""

    name: str
    fields: Mapping[str, Any]
    key: str
    url: str
    project: str
    principal: str | None
    happened_at: str
    evidence: tuple[tuple[str, str], ...] = ()
    path: Path | None = None
    refused: Mapping[str, Any] | None = None

    def sentence(self) -> str:
        """Say in a few words what it reports."""
        about = [str(self.fields[each]) for each in ("deploy", "run", "restore", "migration") if each in self.fields]
        where = [str(self.fields[each]) for each in ("release", "environment") if each in self.fields]
        return " ".join([self.name, *about, *(f"of {each}" for each in where)])


def directory() -> Path:
    """Return where reports wait: beside the logins, since nothing of it may be forgotten."""
    return config_directory() / "spool"


def keep(
    name: str,
    fields: Mapping[str, Any],
    key: str,
    *,
    url: str,
    project: str,
    principal: str | None,
    happened_at: datetime,
) -> Waiting:
    """Write a report down, durably. Raises NoReport, OSError."""
    if name not in REPORTS:
        raise NoReport(f"{NoReport.__doc__}: {name}")
    when = happened_at.isoformat().replace("+00:00", "Z")
    own = {each: value for each, value in fields.items() if value is not None}
    if name in SAY_WHEN:
        own.setdefault("happened_at", when)
    waits = Waiting(name, own, str(uuid5(LATE, key)), url, project, principal, when, tuple(_kept_evidence(own)))
    with _alone() as place:
        number = 1 + max((_number(path) for path in (*place.glob("*.json"), *place.glob("refused/*.json"))), default=0)
        path = place / f"{number:0{DIGITS}}-{waits.key}.json"
        same = next(iter(place.glob(f"*-{waits.key}.json")), None)
        _write(same or path, waits)
    return waits


def keep_evidence(body: bytes, media_type: str) -> str:
    """Keep what a report will name, and return its digest. Raises OSError."""
    digest = hashlib.sha256(body).hexdigest()
    write_private(_folder("evidence") / digest, body, durable=True)
    write_private(_folder("evidence") / f"{digest}.type", media_type, durable=True)
    return f"sha256:{digest}"


def _kept_evidence(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for value in fields.values():
        if isinstance(value, str) and value.startswith("sha256:"):
            kind = directory() / "evidence" / f"{value.removeprefix('sha256:')}.type"
            if kind.exists():
                yield value, kind.read_text(encoding="utf-8")


def evidence_of(waits: Waiting) -> Iterator[tuple[bytes, str]]:
    """Yield the bytes that a report names, each with its media type. Raises OSError where they are gone."""
    for digest, media_type in waits.evidence:
        yield (_folder("evidence") / digest.removeprefix("sha256:")).read_bytes(), media_type


def waiting(url: str | None = None, project: str | None = None) -> list[Waiting]:
    """Return the reports that wait for that server and project, in their order. Raises BrokenReport."""
    return [each for each in _read(directory()) if _meant(each, url, project)]


def refused(url: str | None = None, project: str | None = None) -> list[Waiting]:
    """Return the reports that the server refused. Raises BrokenReport."""
    return [each for each in _read(directory() / "refused") if _meant(each, url, project)]


def sent(waits: Waiting) -> None:
    """Take a report out that the server has; its evidence stays where another one names it."""
    assert waits.path is not None
    waits.path.unlink(missing_ok=True)
    _forget_evidence(waits)


def put_aside(waits: Waiting, answer: Mapping[str, Any]) -> Path:
    """Put a report among the refused ones, with the answer; a crash in between leaves it waiting too."""
    assert waits.path is not None
    place = _folder("refused") / waits.path.name
    write_private(place, json.dumps({**_document(waits), "refused": dict(answer)}, indent=2) + "\n", durable=True)
    waits.path.unlink(missing_ok=True)
    return place


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Let nobody else on this machine send meanwhile."""
    with _locked(_folder() / "sync.lock"):
        yield


def _meant(waits: Waiting, url: str | None, project: str | None) -> bool:
    return (url is None or waits.url == url) and (project is None or waits.project == project)


def _read(place: Path) -> Iterator[Waiting]:
    for path in sorted(place.glob("*.json")):
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            evidence = tuple((str(digest), str(kind)) for digest, kind in document.pop("evidence", ()))
            found = Waiting(**document, evidence=evidence, path=path)
            if found.name not in REPORTS:
                raise NoReport(found.name)
        except FileNotFoundError:
            continue  # sent meanwhile
        except (OSError, ValueError, TypeError, AttributeError, NoReport) as wrong:
            raise BrokenReport(f"{path} holds no report ({type(wrong).__name__})") from wrong
        yield found


def _document(waits: Waiting) -> dict[str, Any]:
    found = asdict(waits)
    return {name: value for name, value in found.items() if name not in {"path", "refused"}}


def _write(path: Path, waits: Waiting) -> None:
    write_private(path, json.dumps(_document(waits), indent=2) + "\n", durable=True)


def _number(path: Path) -> int:
    digits = path.name.partition("-")[0]
    return int(digits) if digits.isdigit() else 0


def _forget_evidence(waits: Waiting) -> None:
    kept = {digest for other in (*_read(directory()), *_read(directory() / "refused")) for digest, _ in other.evidence}
    for digest, _ in waits.evidence:
        if digest not in kept:
            name = digest.removeprefix("sha256:")
            (_folder("evidence") / name).unlink(missing_ok=True)
            (_folder("evidence") / f"{name}.type").unlink(missing_ok=True)


def _folder(*names: str) -> Path:
    place = directory().joinpath(*names)
    place.mkdir(parents=True, exist_ok=True, mode=PRIVATE_DIRECTORY)
    return place


@contextmanager
def _alone() -> Iterator[Path]:
    place = _folder()
    with _locked(place / "lock"):
        yield place


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
