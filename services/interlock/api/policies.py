"""The policy that a situation's decisions follow."""

from __future__ import annotations

from interlock.domain.policy import Policy, parse
from interlock.domain.situation import Situation


def policy_of(situation: Situation) -> Policy:
    """Return the policy in force."""
    return parse(situation.policies[situation.policy_version])
