"""How fast do changes reach production, how often do they fail there, and how soon is that mended: DORA's five.

The definitions are those of https://dora.dev/guides/dora-metrics/ (as of 2026-01): change lead time, deployment
frequency, failed deployment recovery time, change fail rate, deployment rework rate. What each means in Interlock's
events stands in `definitions`, and goes along with every figure. There is no table of its own: it is worked out from
the audit trail, by pure functions, so that each figure names the events behind it.
"""

from interlock.projections.delivery.deployments import Deployment, Failure, deployments
from interlock.projections.delivery.figures import figures
from interlock.projections.delivery.reading import delivery

__all__ = ["Deployment", "Failure", "delivery", "deployments", "figures"]
