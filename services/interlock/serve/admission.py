"""What commands name outside the ledger: the evidence is there, and that of adjustments says what may be run.

Desk and evidence know nothing of each other, and the rules know digests only: here they meet, before a command is
decided, whichever way it came in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from interlock.domain.commands import adjustment as commands
from interlock.domain.commands import deploy, environment
from interlock.domain.errors import InvalidCommand
from interlock.events.catalogue.parts import AdjustmentPlan
from interlock.evidence import EvidenceStore

# The evidence that a plan names, by its field, and what its text must be.
TEXTS: Final[Mapping[str, Literal["script", "queries"]]] = {
    "plan.script_digest": "script",
    "plan.precondition_digest": "queries",
    "plan.expected_effect.queries_digest": "queries",
    "plan.undo_digest": "script",
}


class Admission:
    """Admits a command where the evidence that it names is kept, and an adjustment's can be run or asked."""

    def __init__(self, evidence: EvidenceStore) -> None:
        """Look into `evidence`."""
        self._evidence = evidence

    async def __call__(self, project: str, command: Any) -> None:
        """Raise InvalidCommand with the field; what names no evidence is admitted unseen."""
        match command:
            case commands.RequestAdjustment(plan=plan) | commands.AmendAdjustment(plan=plan):
                await self._plan(project, plan)
            case commands.ReportAdjustmentRehearsed(report=str() as report):
                await self._kept(project, {"report": report})
            case commands.ReportAdjustmentRehearsalFailed(report=str() as report):
                await self._kept(project, {"report": report})
            case (
                environment.ReportRestored(report=str() as report)
                | environment.ReportMigrated(report=str() as report)
                | environment.ReportMigrationFailed(report=str() as report)
            ):
                await self._kept(project, {"report": report})
            case deploy.ReportDeploySucceeded(log=str() as log) | deploy.ReportDeployFailed(log=str() as log):
                await self._kept(project, {"log": log})
            case environment.CheckLogs(report=str() as report):
                await self._kept(project, {"report": report})
            case _:
                return

    async def _plan(self, project: str, plan: AdjustmentPlan) -> None:
        # PostgreSQL's parser takes a tenth of a start to import, and adjustments are seldom.
        from interlock.domain.scripts import NotAdmissible, admit_queries, admit_script

        named = {
            "plan.script_digest": plan.script_digest,
            "plan.precondition_digest": plan.precondition_digest,
            "plan.expected_effect.queries_digest": plan.expected_effect.queries_digest,
            "plan.undo_digest": plan.undo_digest,
        }
        await self._kept(project, named)
        for field, digest in named.items():
            found = await self._evidence.get(project, digest)
            admit = admit_script if TEXTS[field] == "script" else admit_queries
            try:
                admit(found.bytes)
            except NotAdmissible as why:
                raise InvalidCommand(field, str(why)) from None

    async def _kept(self, project: str, named: Mapping[str, str]) -> None:
        missing = await self._evidence.missing(project, named.values())
        for field, digest in named.items():
            if digest in missing:
                raise InvalidCommand(field, f"nothing is kept under {digest}: put the evidence first")
