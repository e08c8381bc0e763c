"""What earlier runs say: how long they take, how many tests there are, and whether a failed test failed before.

It is read from the record, and from the reports that it names: nothing is kept beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any, Final

from interlock.runners.asking import Asker, Away
from interlock.runners.failures import Refused
from interlock.runners.junit import NoReport, Report, read_report

RUNS_MAX: Final = 20
# How much of old reports is read to tell what is flaky; what is older than that is left alone.
BYTES_MAX: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Past:
    """The finished runs of an environment: the usual length in seconds, how many tests, each run's name and report."""

    usual: float | None = None
    tests: int | None = None
    runs: tuple[tuple[str, str], ...] = ()


async def past_of(asker: Asker, environment: str) -> Past:
    """Read the last finished runs of an environment. Raises Refused, Away."""
    finished, started = [await _newest(asker, kind, environment) for kind in ("TestRunFinished", "TestRunStarted")]
    began = {event["data"]["run"]: event["recorded_at"] for event in started}
    lengths = [
        (datetime.fromisoformat(event["recorded_at"]) - datetime.fromisoformat(began[event["data"]["run"]]))
        for event in finished
        if event["data"]["run"] in began
    ]
    counts = (event["data"].get("counts") or {} for event in finished)
    return Past(
        usual=median(length.total_seconds() for length in lengths) if lengths else None,
        tests=next((each["total"] for each in counts if each.get("total")), None),
        runs=tuple((event["data"]["run"], event["data"]["report"]) for event in finished),
    )


async def _newest(asker: Asker, kind: str, environment: str) -> list[dict[str, Any]]:
    """Return the newest events of a type; there may be more starts than ends: runs are aborted too."""
    more = 3 * RUNS_MAX if kind == "TestRunStarted" else RUNS_MAX
    page = await asker.read("/events", type=kind, environment=environment, data="true", limit=more)
    return list(page.get("events") or ())


async def remarks(
    asker: Asker,
    get_evidence: Callable[[str], bytes],
    report: Report,
    past: Past,
    *,
    new_tests: Sequence[str] = (),
) -> dict[str, str]:
    """Say of each failed test whether it is new in this release, or how it did in the last runs that had it."""
    new = {case.name for name in new_tests for case in report.called(name)}
    earlier = [outcomes(each) async for each in _reports(asker, get_evidence, past)] if report.failed else []
    return {name: "new in this release" if name in new else remark(name, earlier) for name in report.failed}


def outcomes(report: Report) -> dict[str, bool]:
    """Return which tests of a report failed; of a name that stands there twice, whether any did."""
    found: dict[str, bool] = {}
    for case in report.cases:
        if case.state != "skipped":
            found[case.name] = found.get(case.name, False) or case.state == "failed"
    return found


def remark(name: str, earlier: Iterable[Mapping[str, bool]]) -> str:
    """Say how a test did in the earlier runs that had it."""
    failed = [each[name] for each in earlier if name in each]
    runs = f"its last {len(failed)} runs" if len(failed) != 1 else "its last run"
    if not failed:
        return "no earlier run had it"
    if all(failed):
        return f"failed in {'each of ' if len(failed) > 1 else ''}{runs} too"
    if any(failed):
        return f"flaky: failed {sum(failed)} of {runs}"
    return f"passed in {'each of ' if len(failed) > 1 else ''}{runs}"


async def _reports(asker: Asker, get_evidence: Callable[[str], bytes], past: Past) -> Any:
    """Yield the earlier reports, the newest first; one that is not there any more, or cannot be read, is left out."""
    read = 0
    for _, digest in past.runs:
        if read > BYTES_MAX:
            return
        try:
            content = await asker.call(get_evidence, digest)
            read += len(content)
            yield read_report(content)
        except (Refused, Away, NoReport):
            continue
