"""What is to be done: the plan, and the bytes that it names, read and judged before anything begins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from interlock.domain.scripts import Statement, admit_queries, admit_script
from interlock.events.canonical import digest_of_bytes
from interlock.events.catalogue.parts import AdjustmentPlan
from interlock.events.codec import digest_of


class OtherBytes(ValueError):
    """the bytes are not those that the plan names"""


@dataclass(frozen=True, slots=True)
class Job:
    """One adjustment, ready to run: `bound_digest` is that of the plan, the statements are the script's, one by one."""

    adjustment: str
    plan: AdjustmentPlan
    bound_digest: str
    script: tuple[Statement, ...]
    precondition: tuple[Statement, ...]
    effect: tuple[Statement, ...]


def job_of(adjustment: str, plan: AdjustmentPlan, evidence: Callable[[str], bytes]) -> Job:
    """Read what the plan names and judge it; `evidence` gives the bytes of a digest.

    Raises OtherBytes, NotAdmissible, and what `evidence` raises.
    """

    def named(digest: str) -> bytes:
        content = evidence(digest)
        if digest_of_bytes(content) != digest:
            raise OtherBytes(f"the evidence holds other bytes than {digest}")
        return content

    return Job(
        adjustment=adjustment,
        plan=plan,
        bound_digest=digest_of(plan),
        script=admit_script(named(plan.script_digest)),
        precondition=admit_queries(named(plan.precondition_digest)),
        effect=admit_queries(named(plan.expected_effect.queries_digest)),
    )
