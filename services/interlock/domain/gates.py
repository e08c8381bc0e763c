"""Which checks stand before which action: the gate table.

A gate is cumulative: it checks its own row and everything that the earlier rows checked for this
release. All checks are evaluated and shown, not the first that fails.
"""

from __future__ import annotations

from collections.abc import Iterable

from interlock.domain import policy as policies
from interlock.domain.checks import CHECKS, Asked
from interlock.domain.policy import Policy
from interlock.events.decision import CheckOutcome
from interlock.events.fact import replace

START = (
    "release-open", "environment-free", "environment-identified", "environment-sure", "no-freeze", "no-hold",
)  # fmt: skip
ROLLBACK = ("environment-free", "environment-identified", "problem-linked", "rollback-target", "rollback-compatible")

_TO_TESTS = ("environment-order", "content-current", "development-confirmed", "new-tests-named")
_TO_MANUAL_QA = ("tests-passed", "new-tests-ran")
_TO_REHEARSAL = ("manual-qa-approved", "no-open-problem")
_TO_PRODUCTION = (
    "release-present", "code-reviewed", "production-data-restored", "migrations-passed", "rehearsal-current",
    "includes-production", "core-areas-approved", "not-rolled-back", "release-window", "problem-linked",
    "hotfix-confirmed", "log-watch-current",
)  # fmt: skip
DEPLOY: dict[str, tuple[str, ...]] = {
    "development": (*START, "content-current", "owner-only", "data-feed-correct"),
    # A problem keeps its release from leaving the environment where it was seen, whichever that is.
    "tests": (*START, *_TO_TESTS, "no-open-problem"),
    "manual-qa": (*START, *_TO_TESTS, *_TO_MANUAL_QA, "data-feed-correct", "no-open-problem"),
    "rehearsal": (*START, *_TO_TESTS, *_TO_MANUAL_QA, *_TO_REHEARSAL),
    "production": (*START, *_TO_TESTS, *_TO_MANUAL_QA, *_TO_REHEARSAL, *_TO_PRODUCTION),
}
REDEPLOY: dict[str, tuple[str, ...]] = {
    # Whatever is deployed there, the developer's sandbox is his own.
    "development": (*START, "owner-only"),
    **dict.fromkeys(("tests", "manual-qa", "rehearsal"), START),
    "production": (*START, "not-rolled-back", "release-window", "problem-linked"),
}

CONFIRM_DEVELOPMENT = ("release-present", "owner-only")
CONFIRM_HOTFIX = ("content-current", "problem-linked", "approver-independent")
TEST_RUN = (*START, "release-present")
MANUAL_QA = ("release-present", "approver-independent", "no-open-problem")
REVIEW = ("release-present", "reviewer-independent", "no-open-problem")
RESTORE = (*START, "restore-source-allowed")
RESTORE_FOR_REHEARSAL = (*START, "release-present", "restore-source-allowed")
MIGRATION = (*START, "release-present", "restored-after-deploy")
CORE_TEST = (
    "release-present", "production-data-restored", "migrations-passed", "approver-independent", "areas-covered",
    "no-open-problem",
)  # fmt: skip

REQUEST_ADJUSTMENT = ("environment-identified", "reverted-once")
AMEND_ADJUSTMENT = ("adjustment-open", "adjustment-idle", *REQUEST_ADJUSTMENT)
CANCEL_ADJUSTMENT = ("adjustment-own", "adjustment-open", "adjustment-idle")
REHEARSE_ADJUSTMENT_IN_SCRATCH = (
    "reported-by-runner", "adjustment-open", "environment-free", "environment-identified",
    "rehearsed-on-production-data",
)  # fmt: skip
REHEARSE_ADJUSTMENT = (*REHEARSE_ADJUSTMENT_IN_SCRATCH, "environment-sure", "no-freeze")
REPORT_ADJUSTMENT_REHEARSED = (
    "reported-by-runner", "lease-held", "rehearsed-on-production-data", "within-expected-effect",
)  # fmt: skip
VERIFY_ADJUSTMENT = ("adjustment-open", "adjustment-unchanged", "adjustment-rehearsed", "verifier-independent")
REJECT_ADJUSTMENT = ("adjustment-open", "adjustment-unchanged")
AUTHORIZE_ADJUSTMENT = (
    "adjustment-rehearsed", "adjustment-verified", "verifiers-independent", "operator-designated",
)  # fmt: skip
_ADJUST = (
    "adjustment-open", *AUTHORIZE_ADJUSTMENT, "adjustment-unchanged", "authorization-valid", "reverted-once",
    "environment-identified", "target-identified",
)  # fmt: skip
START_ADJUSTMENT = (*_ADJUST, "environment-free")
COMMIT_ADJUSTMENT = (*_ADJUST, "lease-held", "backup-taken", "within-expected-effect")
RESOLVE_ADJUSTMENT = ("outcome-unknown", "target-identified", "marker-reader")
CHECK_ADJUSTMENT = ("adjustment-executed", "result-checker-independent")


def deploy_gate(asked: Asked) -> tuple[str, ...]:
    """The checks of a deploy with the intent that `asked` has, and those that its policies add."""
    if asked.intent == "rollback":
        return ROLLBACK
    table = REDEPLOY if asked.intent == "redeploy" else DEPLOY
    checks = table[asked.rule.purpose]
    added = list(asked.policy.additional_checks.get(asked.environment, ()))
    older = _policy_before(asked)
    if older is not None:
        added.extend(older.additional_checks.get(asked.environment, ()))
    return (*checks, *(name for name in dict.fromkeys(added) if name not in checks))


def evaluate(names: Iterable[str], asked: Asked) -> tuple[CheckOutcome, ...]:
    """Every check's answer, under the active policy and under the one that the release was opened under.

    An adjustment has to satisfy the policy that it was requested under as well.
    """
    names = tuple(names)
    outcomes = [_run(name, asked) for name in names]
    older = _policy_before(asked)
    if older is not None:
        under_older = replace(asked, policy=older)
        outcomes = [
            outcome if not outcome.holds else _stricter(outcome, _run(outcome.check, under_older))
            for outcome in outcomes
        ]
    return tuple(outcomes)


def _run(name: str, asked: Asked) -> CheckOutcome:
    if name == "release-present" and asked.intent is not None:
        # On the way to production the release must be stage's occupant.
        asked = replace(asked, environment=asked.policy.named("rehearsal"), content=None, starting=False)
    return CHECKS[name](asked)


def _stricter(active: CheckOutcome, older: CheckOutcome) -> CheckOutcome:
    return active if older.holds else older


def _policy_before(asked: Asked) -> Policy | None:
    """The policy that the release was opened under, or the adjustment requested, where it is not the active one."""
    subject, situation = asked.adjustment or asked.release, asked.situation
    if subject is None or subject.policy_version == situation.policy_version:
        return None
    document = situation.policies.get(subject.policy_version)
    return policies.followed(document) if document is not None else None
