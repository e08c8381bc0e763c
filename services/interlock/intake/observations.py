"""What a service saw, with its evidence: each kind of observation is one command, said as the service would say it.

    deploy-finished     a deploy ended: `succeeded`, and the fields of ReportDeploySucceeded or ReportDeployFailed
    test-run-finished   a test run ended: the fields of ReportTestRun; its first evidence is the report, if none is
    logs-checked        logs were read: the fields of CheckLogs
    problem-seen        something is wrong: the fields of ReportProblem
    fact-seen           something happened around Interlock: the fields of ObserveFact

Any of them may hold `evidence`, a list of {"media_type", "base64"}, which is kept by its digest before the command is
decided.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any, Final

from interlock.events.canonical import digest_of_bytes
from interlock.events.fact import fact
from interlock.events.strict import BadInput, Fault, read
from interlock.events.values import Line

EVIDENCE_MAX: Final = 8

Fields = dict[str, Any]


@fact
class EvidenceGiven:
    """Evidence as it stands in a record."""

    media_type: Line
    base64: str


@fact
class Evidence:
    """Evidence to be kept; its digest is known before it is."""

    media_type: str
    content: bytes

    @property
    def digest(self) -> str:
        """What it is kept under."""
        return digest_of_bytes(self.content)


def observed(name: str, data: Any) -> tuple[str, Fields, tuple[Evidence, ...]]:
    """Return the command that an observation of OBSERVATIONS is, its fields, and its evidence. Raises BadInput."""
    if not isinstance(data, dict):
        raise BadInput([Fault("data", "an object is expected")])
    fields: Fields = dict(data)
    evidence = _evidence(fields.pop("evidence", []))
    command, fields = OBSERVATIONS[name](fields, evidence)
    return command, fields, evidence


def _evidence(given: Any) -> tuple[Evidence, ...]:
    if not isinstance(given, list) or len(given) > EVIDENCE_MAX:
        raise BadInput([Fault("data.evidence", f"a list of at most {EVIDENCE_MAX} is expected")])
    found = []
    for index, one in enumerate(given):
        each = read(EvidenceGiven, one)
        try:
            found.append(Evidence(media_type=each.media_type, content=base64.b64decode(each.base64, validate=True)))
        except (binascii.Error, ValueError):
            raise BadInput([Fault(f"data.evidence[{index}].base64", "it is no base64")]) from None
    return tuple(found)


def _deploy_finished(fields: Fields, _: tuple[Evidence, ...]) -> tuple[str, Fields]:
    succeeded = fields.pop("succeeded", None)
    if not isinstance(succeeded, bool):
        raise BadInput([Fault("data.succeeded", "true or false is expected")])
    return ("ReportDeploySucceeded" if succeeded else "ReportDeployFailed"), fields


def _test_run_finished(fields: Fields, evidence: tuple[Evidence, ...]) -> tuple[str, Fields]:
    if "report" not in fields and evidence:
        fields["report"] = evidence[0].digest
    return "ReportTestRun", fields


def _as(command: str) -> Callable[[Fields, tuple[Evidence, ...]], tuple[str, Fields]]:
    return lambda fields, _: (command, fields)


OBSERVATIONS: Final[Mapping[str, Callable[[Fields, tuple[Evidence, ...]], tuple[str, Fields]]]] = {
    "deploy-finished": _deploy_finished,
    "test-run-finished": _test_run_finished,
    "logs-checked": _as("CheckLogs"),
    "problem-seen": _as("ReportProblem"),
    "fact-seen": _as("ObserveFact"),
}
