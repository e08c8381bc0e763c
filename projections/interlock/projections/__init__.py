"""What the record answers: one module a question, its tables, what each event means for them, its queries."""

from interlock.projections.adjustment_chain import ADJUSTMENT_CHAIN
from interlock.projections.audit_trail import AUDIT_TRAIL
from interlock.projections.environment_state import ENVIRONMENT_STATE
from interlock.projections.problems import PROBLEMS
from interlock.projections.projection import Connection, Projection, Write
from interlock.projections.releases import RELEASES

__all__ = ["PROJECTIONS", "Connection", "Projection", "Write"]

PROJECTIONS: tuple[Projection, ...] = (ENVIRONMENT_STATE, RELEASES, PROBLEMS, ADJUSTMENT_CHAIN, AUDIT_TRAIL)
