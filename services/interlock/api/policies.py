"""The policy that a situation's decisions follow."""

from __future__ import annotations

from typing import Any

from interlock.api.problems import Problem
from interlock.domain.policy import Policy, parse
from interlock.domain.situation import Situation


def policy_of(situation: Situation) -> Policy:
    """Return the policy in force. Raises a problem where `document_of` does."""
    return parse(document_of(situation))


def document_of(situation: Situation) -> dict[str, Any]:
    """Return the document of the policy in force; raise not-found before there was one, so before the beginning."""
    document = situation.policies.get(situation.policy_version)
    if document is None:
        raise Problem("not-found", f"at position {situation.position} the project had no policy yet: it begins later")
    return document
