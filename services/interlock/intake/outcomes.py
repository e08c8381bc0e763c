"""What became of a request, as it is published: the API's answer, and whose request it was."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

from interlock.answers.documents import accepted_document, json_bytes, rfc3339
from interlock.answers.problems import Problem, refusal
from interlock.desk import Answer
from interlock.events.fact import fact
from interlock.events.intake import (
    CONTENT_TYPE_HEADER,
    JSON,
    OUTCOME_TYPE,
    REQUEST_ID,
    REQUEST_SOURCE,
)
from interlock.intake.requests import Reference

ACCEPTED: Final = "accepted"
REFUSED: Final = "refused"
PROBLEM: Final = "application/problem+json"

_NAMESPACE: Final = UUID("7b1c0c66-9a0e-5a52-8b9f-2f1d5a0c9e77")


@fact
class Outcome:
    """One answer: `status` is ACCEPTED or REFUSED, `document` what the API would answer."""

    status: str
    document: dict[str, Any]
    content_type: str

    @property
    def said(self) -> str:
        """In one line, for whoever asked for it."""
        if self.status == ACCEPTED:
            return f"accepted @{self.document['position']}"
        return str(self.document["detail"])


def answered(given: Answer, now: datetime) -> Outcome:
    """Return the outcome of a command that was decided."""
    if given.decision is not None:
        return refused(refusal(given.decision, given.reason, recorded=given.refusal, now=now))
    document = {"position": given.position, **accepted_document(given)}
    return Outcome(status=ACCEPTED, document=document, content_type=JSON)


def refused(problem: Problem) -> Outcome:
    """Return the outcome of what was not decided, or refused."""
    return Outcome(status=REFUSED, document=problem.document, content_type=PROBLEM)


def shortened(outcome: Outcome) -> Outcome:
    """Return an outcome that fits any topic: without the events and the decision, which the ledger has."""
    kept = {name: value for name, value in outcome.document.items() if name not in {"events", "decision", "errors"}}
    return Outcome(status=outcome.status, document={**kept, "shortened": True}, content_type=outcome.content_type)


def headers_of(outcome: Outcome, reference: Reference, record: str, now: datetime) -> list[tuple[str, bytes]]:
    """Return the headers of the record that tells it: a CloudEvent in binary mode."""
    about = f"{reference.project or ''} {reference.source or ''} {reference.id or record} {outcome.status}"
    attributes = {
        "specversion": "1.0",
        "id": str(uuid5(_NAMESPACE, about)),
        "source": f"/projects/{reference.project}/intake" if reference.project else "/intake",
        "type": OUTCOME_TYPE + outcome.status,
        "time": rfc3339(now),
        "datacontenttype": outcome.content_type,
        REQUEST_SOURCE: reference.source or "",
        REQUEST_ID: reference.id or "",
    }
    named = [(f"ce_{name}", text.encode()) for name, text in attributes.items() if name != "datacontenttype"]
    return [*named, (CONTENT_TYPE_HEADER, outcome.content_type.encode())]


def value_of(outcome: Outcome) -> bytes:
    """Return the value of that record."""
    return json_bytes(outcome.document)
