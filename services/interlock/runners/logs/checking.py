"""One check: read the period, keep what was read and found as evidence, and record what was read, no more.

A crash before the record leaves nothing but evidence that nothing names: the next check reads the same lines again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from interlock.events.values import TEXT_CHARACTERS_MAX
from interlock.runners.asking import Asker
from interlock.runners.logs.following import FAMILY_BYTES_MAX, read_files
from interlock.runners.logs.parts import Part, Period
from interlock.runners.logs.patterns import Findings
from interlock.runners.logs.queries import Machine, read_command, read_journal
from interlock.runners.logs.settings import Logs

FORM: Final = "interlock log check 1"
MEDIA_TYPE: Final = "application/json"


class Evidence(Protocol):
    """Where larger things are kept: `interlock.client.Client` is one."""

    def put_evidence(self, body: bytes, media_type: str) -> str:
        """Store and return the digest."""

    def get_evidence(self, digest: str) -> bytes:
        """Return what is kept."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of it. `until` is up to when it was recorded as read, None where nothing was."""

    since: datetime
    asked_until: datetime
    until: datetime | None
    parts: tuple[Part, ...]
    findings: Findings
    report: str
    answers: tuple[Mapping[str, Any], ...]

    @property
    def missing(self) -> list[str]:
        """What was not read, by source."""
        return [f"{part.source}: {what}" for part in self.parts for what in part.missing]

    @property
    def whole(self) -> bool:
        """Whether all of the period was read."""
        return self.until == self.asked_until


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one environment's logs on this machine, which is called `host`."""

    logs: Logs
    machine: Machine
    host: str
    most: int = FAMILY_BYTES_MAX

    async def check(self, asker: Asker, kept: Evidence, since: datetime, until: datetime) -> Checked:
        """Read from `since` to `until`, and record it. Raises Refused, Away."""
        report = await self._last_report(asker, kept)
        last = datetime.fromisoformat(report["until"]) if report else None
        period = Period(since, until, goes_on=last == since)
        findings = Findings(self.logs.patterns)
        parts = await self._read(period, _cursors(report), findings)
        covered = _covered(parts, since)
        digest = kept.put_evidence(self._report(period, covered, parts, findings), MEDIA_TYPE)
        if covered is None:
            answers = await self._told_as_problems(asker, findings)
        else:
            answers = [await self._recorded(asker, since, covered, findings, digest)]
        return Checked(since, until, covered, tuple(parts), findings, digest, tuple(answers))

    async def _read(
        self, period: Period, cursors: Mapping[str, Mapping[str, Any]], findings: Findings
    ) -> Sequence[Part]:
        if self.logs.kind == "files":
            return read_files(self.logs, period, cursors, findings.look, most=self.most)
        read = read_journal if self.logs.kind == "journald" else read_command
        return [await read(self.logs, period, self.machine, findings.look)]

    async def _last_report(self, asker: Asker, kept: Evidence) -> Mapping[str, Any] | None:
        """What the last check read, where it was made here and by the same query; a person's has no report."""
        async for event in asker.events("LogsChecked", environment=self.logs.environment):
            digest = event["data"].get("report")
            if digest is None:
                return None
            report: dict[str, Any] = json.loads(kept.get_evidence(digest))
            same = (FORM, self.host, self.logs.kind)
            return report if (report.get("form"), report.get("host"), report.get("kind")) == same else None
        return None

    def _report(self, period: Period, covered: datetime | None, parts: Sequence[Part], findings: Findings) -> bytes:
        document = {
            "form": FORM,
            "host": self.host,
            "kind": self.logs.kind,
            "environment": self.logs.environment,
            "since": period.since.isoformat(),
            "asked_until": period.until.isoformat(),
            "until": covered.isoformat() if covered is not None else None,
            "sources": [part.document() for part in parts],
            "patterns": findings.document(),
        }
        return json.dumps(document, ensure_ascii=False, indent=1).encode()

    async def _recorded(
        self, asker: Asker, since: datetime, until: datetime, findings: Findings, report: str
    ) -> Mapping[str, Any]:
        matches = findings.matches
        found = "; ".join(f"{match.pattern}: {match.lines}" for match in matches)[:TEXT_CHARACTERS_MAX]
        fields: dict[str, Any] = {
            "environment": self.logs.environment,
            "since": since.isoformat(),
            "until": until.isoformat(),
            "result": "findings" if matches else "clean",
            "report": report,
        }
        if matches:
            fields["findings"] = found
            fields["matches"] = [
                {"pattern": match.pattern, "severity": match.severity, "lines": match.lines} for match in matches
            ]
        # A key is one caller's: where another one checks the same, it is another command.
        who = (await asker.read("/whoami")).get("principal")
        return await asker.report("CheckLogs", fields, "logs", who, self.logs.environment, since, until, report)

    async def _told_as_problems(self, asker: Asker, findings: Findings) -> list[Mapping[str, Any]]:
        """Nothing counts as read, and what was seen all the same is told: once, as long as its problem is open."""
        open_ones = (await asker.read("/problems", environment=self.logs.environment)).get("problems") or ()
        known = {problem.get("title") for problem in open_ones}
        answers: list[Mapping[str, Any]] = []
        for match in findings.matches:
            if match.pattern not in known:
                fields = {
                    "environment": self.logs.environment,
                    "title": match.pattern,
                    "severity": match.severity,
                    "description": f"seen in logs that could not be read completely: lines {match.lines}",
                }
                answers.append(await asker.report("ReportProblem", fields, "logs", match.pattern, asker.position))
        return answers


def _cursors(report: Mapping[str, Any] | None) -> dict[str, Mapping[str, Any]]:
    sources = report.get("sources", ()) if report else ()
    return {source["source"]: source["cursor"] for source in sources if source.get("cursor")}


def _covered(parts: Sequence[Part], since: datetime) -> datetime | None:
    """Up to when every source was read without a gap; None where that is not after the beginning."""
    ends = [part.until for part in parts]
    if not ends or any(end is None for end in ends):
        return None
    covered = min(end for end in ends if end is not None)
    return covered if covered > since else None
