"""Every event type there is, by family: what can happen in a project."""

from interlock.events.catalogue import adjustment, environment, ledger, policy, problem, refusals, release, team
from interlock.events.catalogue.registry import CATALOGUE

__all__ = ["CATALOGUE", "adjustment", "environment", "ledger", "policy", "problem", "refusals", "release", "team"]
