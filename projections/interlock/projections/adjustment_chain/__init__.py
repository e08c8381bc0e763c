"""How did each adjustment of data go: who asked for it, verified, executed and checked it, and what became void?"""

from interlock.projections.adjustment_chain.meaning import project
from interlock.projections.adjustment_chain.queries import adjustment, adjustments
from interlock.projections.adjustment_chain.tables import FACETS, SCHEMA, STEP, TABLE
from interlock.projections.projection import Projection

__all__ = ["ADJUSTMENT_CHAIN", "adjustment", "adjustments"]

# Raise the version when a table or its meaning changes: the projector builds it beside the old one.
ADJUSTMENT_CHAIN = Projection("adjustment_chain", 1, SCHEMA, (TABLE, STEP), project, together=FACETS.together)
