"""What runs in each environment and since when, what its data is, who holds it, and is it looked after?"""

from interlock.projections.environment_state.meaning import project
from interlock.projections.environment_state.queries import environment, environments, occupants
from interlock.projections.environment_state.tables import FACETS, SCHEMA, TABLE
from interlock.projections.projection import Projection

__all__ = ["ENVIRONMENT_STATE", "environment", "environments", "occupants"]

# Raise the version when the table or its meaning changes: the projector builds it beside the old one.
ENVIRONMENT_STATE = Projection("environment_state", 1, SCHEMA, (TABLE,), project, together=FACETS.together)
