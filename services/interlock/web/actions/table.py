"""The table of what can be done on pages: each action's command, what it is about, its fields, and where it leads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from interlock.web.actions.fields import Field

SEVERITIES: Final = ("medium", "low", "high", "critical")


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do. `subject` are the query's names; the first is what the record keeps versions of.

    `fresh`: whoever does it proved lately who they are. `word` stands on the button.
    """

    name: str
    command: str
    word: str
    title: str
    subject: tuple[str, ...]
    fields: tuple[Field, ...]
    leads_to: Callable[[Mapping[str, str]], str]
    fresh: bool = False
    says: str = ""
    # What the address may name beside the subject.
    query: frozenset[str] = frozenset()


def _release(names: Mapping[str, str]) -> str:
    return f"releases/{quote(names['release'], safe='')}"


def _environment(names: Mapping[str, str]) -> str:
    return f"environments/{quote(names['environment'], safe='')}"


def _problem(names: Mapping[str, str]) -> str:
    return f"problems/{quote(names['problem'], safe='')}"


def _adjustment(names: Mapping[str, str]) -> str:
    return f"adjustments/{quote(names['adjustment'], safe='')}"


def _sessions(_names: Mapping[str, str]) -> str:
    return "sessions"


REASON: Final = Field("reason", "Reason", "text", hint="stands in the record for ever")
BOUND: Final = Field("bound_digest", "The whole digest", "bound")
REVIEW: Final = Action(
    "review",
    "ApproveCodeReview",
    "Approve the changes",
    "Review the changes of {release}",
    ("release",),
    (
        Field("diff_digest", "The diff's whole digest", "bound"),
        Field("typed", "Its first six characters", "digest", hint="those behind sha256:, typed after reading the diff"),
    ),
    _release,
    fresh=True,
    says="All changes since production's release, read and approved at once.",
    query=frozenset({"diff"}),
)

ACTIONS: Final = (
    Action(
        "approve",
        "ApproveManualQA",
        "Approve",
        "Approve {release} in {environment}",
        ("release", "environment"),
        (
            Field("areas", "Areas that were tested", "lines", required=False, hint="one a line"),
            Field("checklist", "What was done", "text", required=False),
        ),
        _release,
        fresh=True,
        says="You say that you tested it by hand there, and that it may go on.",
    ),
    Action(
        "reject",
        "RejectManualQA",
        "Reject",
        "Reject {release} in {environment}",
        ("release", "environment"),
        (REASON, Field("problems", "Problems found", "lines", required=False, hint="their names, one a line")),
        _release,
        fresh=True,
        says="It goes no further until somebody approves it after this.",
    ),
    REVIEW,
    Action(
        "reject-review",
        "RejectCodeReview",
        "Reject",
        "Reject the changes of {release}",
        ("release",),
        (REASON,),
        _release,
        fresh=True,
        says="Something of it must change: it is new content then, and all begins anew.",
    ),
    Action(
        "hold", "HoldRelease", "Hold", "Hold {release}", ("release",), (REASON,), _release, says="Nothing of it starts."
    ),
    Action("lift", "LiftReleaseHold", "Lift the hold", "Lift the hold on {release}", ("release",), (REASON,), _release),
    Action(
        "freeze",
        "FreezeEnvironment",
        "Freeze",
        "Freeze {environment}",
        ("environment",),
        (
            REASON,
            Field("since", "From", "instant", required=False, hint="GMT, as 2026-11-28 09:00; empty: now"),
            Field("until", "Until", "instant", required=False, hint="GMT; empty: until somebody ends it"),
        ),
        _environment,
        says="Nothing starts there meanwhile, except a rollback.",
    ),
    Action(
        "unfreeze",
        "UnfreezeEnvironment",
        "End the freeze",
        "End the freeze of {environment}",
        ("environment",),
        (REASON,),
        _environment,
    ),
    Action(
        "report",
        "ReportProblem",
        "Report",
        "Report a problem in {environment}",
        ("environment",),
        (
            Field("title", "What is wrong", "line"),
            Field("severity", "How bad", "choice", choices=SEVERITIES),
            Field("release", "Release", "line", required=False, hint="empty: the one that runs there"),
            Field("description", "More about it", "text", required=False),
        ),
        _environment,
        says="At once it keeps the release that runs there from going further.",
    ),
    Action("acknowledge", "AcknowledgeProblem", "Look after it", "Look after {problem}", ("problem",), (), _problem),
    Action(
        "verify",
        "VerifyAdjustment",
        "Verify",
        "Verify adjustment {adjustment}",
        ("adjustment",),
        (
            BOUND,
            Field(
                "typed",
                "Its first six characters",
                "digest",
                hint="those behind sha256:, typed after reading what it binds",
            ),
            Field("method", "How you verified it", "line"),
        ),
        _adjustment,
        fresh=True,
        says="You say that you read the script and the figures, and that they do what is meant.",
    ),
    Action(
        "reject-adjustment",
        "RejectAdjustment",
        "Reject",
        "Reject adjustment {adjustment}",
        ("adjustment",),
        (BOUND, REASON),
        _adjustment,
        fresh=True,
    ),
)
BY_NAME: Final[Mapping[str, Action]] = {action.name: action for action in ACTIONS}

LOGIN_DT: Final = Action(
    "login-dt",
    "IssueCredential",
    "This is me: sign dt in",
    "Sign dt in",
    ("secret_digest",),
    (Field("principal", "Who", "hidden"), Field("expires_at", "Until", "hidden")),
    _sessions,
    fresh=True,
)
