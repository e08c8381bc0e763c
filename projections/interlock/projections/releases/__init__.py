"""Which releases are there, what is each made of, what was proved about it, how far is it, and what happened to it?"""

from interlock.projections.projection import Projection
from interlock.projections.releases.meaning import project
from interlock.projections.releases.queries import release, releases, timeline
from interlock.projections.releases.tables import APPENDS, FACETS, SCHEMA, TABLE, TIMELINE

__all__ = ["RELEASES", "release", "releases", "timeline"]

# Raise the version when a table or its meaning changes: the projector builds it beside the old one.
RELEASES = Projection("releases", 1, SCHEMA, (TABLE, TIMELINE), project, APPENDS, FACETS.together)
