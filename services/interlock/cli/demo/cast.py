"""Who and what the demo's project is made of: people, services, environments. Data, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

PROJECT = "demo"
FOUNDERS = ("admin-1", "admin-2")
ME = "anton"

DEVELOPMENT, TESTS, SANDBOX, STAGE, PRODUCTION = "sandbox-anton", "tests", "sandbox", "stage", "production"
ENVIRONMENTS = (DEVELOPMENT, TESTS, SANDBOX, STAGE, PRODUCTION)

CI = "ci-1"
CRON = "cron@ci-1"


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody, or something, that acts under an own id, with the roles that two administrators gave."""

    name: str
    kind: str
    roles: tuple[str, ...]


TEAM = (
    Member("anton", "person", ("developer",)),
    Member("dora", "person", ("developer",)),
    Member("qa-1", "person", ("tester", "verifier")),
    Member("qa-2", "person", ("tester", "verifier")),
    Member("reviewer-1", "person", ("reviewer", "verifier")),
    Member("rm-1", "person", ("release-manager",)),
    Member("operator-1", "person", ("developer",)),
    Member(CI, "service", ("runner",)),
    Member(CRON, "service", ("runner",)),
)
EVERYBODY = (*FOUNDERS, *(member.name for member in TEAM))

FEEDS = {DEVELOPMENT: ("IEX Sandbox", 100), SANDBOX: ("IEX Production", 25)}
CORE_AREAS = ("orders", "quotes", "positions")
