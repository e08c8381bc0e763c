"""One project on one server, call by call; what was sent and not answered is asked again, under the same key."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx2

from interlock.client.errors import OddAnswer, ProblemAnswer, ServerAway
from interlock.client.stream import events_of

TRIES_MAX = 3
PAUSES_SECONDS = (0.5, 1.5)
CONNECT_SECONDS = 3.0
# A read may wait up to 2 s for `?after=`; a command waits for its batch.
ANSWER_SECONDS = 15.0
# The server sends a comment at least this often on a stream that has no news.
STREAM_SILENCE_SECONDS = 45.0
LOST_STATUSES = frozenset({502, 503, 504})
# Of the 503 answers: the others have waited themselves, or are the answer to what was asked.
WORTH_ASKING_AGAIN = frozenset({"unavailable", "outcome-unknown"})

Query = str | int | bool | None


class Client:
    """`base_url` without a path; `token` is a bearer token, or None to call what needs none.

    `clock` gives monotonic seconds, `sleep` waits, `new_id` makes idempotency keys. `now` is sent
    as `Interlock-Now`, which only a server with a test clock accepts. After each answer of a
    project, `server_now` is the ledger's clock as the server told it; `as_of` is the instant at which the last answer
    holds, where it was a read.
    """

    def __init__(
        self,
        base_url: str,
        project: str,
        token: str | None = None,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        new_id: Callable[[], UUID],
        now: datetime | None = None,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.project = project
        self.server_now: datetime | None = None
        self.as_of: datetime | None = None
        self._clock = clock
        self._sleep = sleep
        self._new_id = new_id
        headers = {"User-Agent": "interlock-client", "Accept": "application/json, application/problem+json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if now is not None:
            headers["Interlock-Now"] = clock_header(now)
        self._http = httpx2.Client(
            base_url=self.base_url,
            headers=headers,
            timeout=httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            transport=transport,
            follow_redirects=False,
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def at(self, now: datetime) -> None:
        """Let it be `now` from the next request on; only a server with a test clock accepts that."""
        self._http.headers["Interlock-Now"] = clock_header(now)

    def command(
        self,
        name: str,
        fields: Mapping[str, Any],
        *,
        idempotency_key: UUID | str | None = None,
        if_version: int | None = None,
    ) -> dict[str, Any]:
        """Give the command and return its answer: status, events, position, subject.

        One call is one intent: tries after a lost answer carry the same key. Raises ProblemAnswer
        when it is refused, ServerAway (with the key in `sent`) when no answer came.
        """
        key = str(idempotency_key or self._new_id())
        headers = {"Idempotency-Key": key}
        if if_version is not None:
            headers["If-Match"] = f'"{if_version}"'
        path = f"/v1/{self.project}/commands/{name}"
        try:
            return self._json(self._answer("POST", path, key=key, headers=headers, json=present(fields)))
        except ProblemAnswer as problem:
            if problem.type == "outcome-unknown":
                problem.problem.setdefault("idempotency_key", key)
            raise

    def post(self, path: str, *, idempotency_key: UUID | str | None = None) -> dict[str, Any]:
        """Ask for work that is no command of the rules: `post("/projections/problems/rebuild")`; safe to send again."""
        key = str(idempotency_key or self._new_id())
        headers = {"Idempotency-Key": key}
        return self._json(self._answer("POST", f"/v1/{self.project}{path}", key=key, headers=headers))

    def explain(self, name: str, fields: Mapping[str, Any], **query: Query) -> dict[str, Any]:
        """Ask what would be decided, and record nothing; returns the decision."""
        path = f"/v1/{self.project}/explain/{name}"
        return self._json(self._answer("POST", path, json=present(fields), params=asked(query)))

    def get(self, path: str, **query: Query) -> dict[str, Any]:
        """Read one of the project's questions: `get("/releases/4.12.0", at=15002)`."""
        return self._json(self._answer("GET", f"/v1/{self.project}{path}", params=asked(query)))

    def pages(self, path: str, **query: Query) -> Iterator[dict[str, Any]]:
        """Read a list page by page, as long as the answer names a next cursor."""
        while True:
            page = self.get(path, **query)
            yield page
            cursor = page.get("next_cursor")
            if not cursor:
                return
            query["cursor"] = str(cursor)

    def server(self, path: str) -> dict[str, Any]:
        """Read what belongs to the server, not to a project: `/v1`, `/ready`, `/health`."""
        return self._json(self._answer("GET", path))

    def settle(self, path: str, fields: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Change something that is no command of the rules; asked twice, it is done once."""
        return self._json(self._answer("POST", f"/v1/{self.project}{path}", json=present(fields or {})))

    def put_evidence(self, body: bytes, media_type: str) -> str:
        """Store something larger and return its digest; the same bytes again are the same digest."""
        path = f"/v1/{self.project}/evidence"
        answer = self._json(self._answer("POST", path, headers={"Content-Type": media_type}, content=body))
        return str(answer["digest"])

    def get_evidence(self, digest: str) -> bytes:
        """Return what is kept under the digest. Raises OddAnswer where the bytes that came are others."""
        response = self._answer("GET", f"/v1/{self.project}/evidence/{digest}")
        if response.status_code != 200:
            self._json(response)
        if f"sha256:{hashlib.sha256(response.content).hexdigest()}" != digest:
            raise OddAnswer(f"{response.request.url} answered with other bytes than those of that digest")
        return response.content

    def stream(self, after: int, **query: Query) -> Iterator[dict[str, Any]]:
        """Yield events as they happen, after position `after`; ends when the server ends the stream.

        Raises ServerAway when the connection breaks: the caller goes on from its last position.
        """
        path = f"/v1/{self.project}/events/stream"
        began = self._clock()
        timeout = httpx2.Timeout(STREAM_SILENCE_SECONDS, connect=CONNECT_SECONDS)
        headers = {"Last-Event-ID": str(after), "Accept": "text/event-stream"}
        try:
            with self._http.stream("GET", path, headers=headers, params=asked(query), timeout=timeout) as response:
                if response.status_code != 200:
                    response.read()
                    self._json(response)
                yield from events_of(response.iter_lines())
        except httpx2.TransportError as broken:
            raise ServerAway(self.base_url, cause_of(broken), 1, self._clock() - began) from broken

    def _answer(self, method: str, path: str, *, key: str | None = None, **request: Any) -> httpx2.Response:
        """Send, and send again while no answer comes; a command's `key` makes that safe.

        A crash of this process between two tries leaves a command that may have been accepted;
        whoever gives it again under the same key gets the first answer.
        """
        began = self._clock()
        arrived = False
        cause = ""
        for attempt in range(TRIES_MAX):
            if attempt:
                self._sleep(PAUSES_SECONDS[attempt - 1])
            try:
                response = self._http.request(method, path, **request)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as away:
                cause = cause_of(away)
            except httpx2.TransportError as lost:
                cause, arrived = cause_of(lost), True
            else:
                if response.status_code not in LOST_STATUSES:
                    return response
                kind = problem_type(response)
                if kind is None:
                    # It comes from something in between, and says nothing about the command.
                    cause, arrived = f"HTTP {response.status_code}", True
                elif kind not in WORTH_ASKING_AGAIN or attempt == TRIES_MAX - 1:
                    return response
        raise ServerAway(self.base_url, cause, TRIES_MAX, self._clock() - began, key if arrived else None)

    def _json(self, response: httpx2.Response) -> dict[str, Any]:
        self.server_now = instant_of(response.headers.get("Interlock-Now"), self.server_now)
        self.as_of = instant_of(response.headers.get("Interlock-As-Of"), None)
        try:
            answer = response.json()
        except ValueError as odd:
            message = f"{response.request.url} answered HTTP {response.status_code} without JSON"
            raise OddAnswer(message) from odd
        if not isinstance(answer, dict):
            raise OddAnswer(f"{response.request.url} answered with JSON that is no object")
        if response.status_code >= 400:
            raise ProblemAnswer(answer, response.status_code)
        position = response.headers.get("Interlock-Position")
        if position is not None and position.isdigit():
            answer.setdefault("position", int(position))
        return answer


def instant_of(told: str | None, otherwise: datetime | None) -> datetime | None:
    """Return the instant in a header; `otherwise` where there is none."""
    if told is None:
        return otherwise
    try:
        return datetime.fromisoformat(told)
    except ValueError:
        # A proxy's or a newer server's own idea of the header: the answer counts, not its clock.
        return None


def clock_header(now: datetime) -> str:
    """Return the instant as the header `Interlock-Now` has it."""
    return now.astimezone(UTC).isoformat().replace("+00:00", "Z")


def present(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that have a value: what is absent is left out, never null."""
    return {name: value for name, value in fields.items() if value is not None}


def asked(query: Mapping[str, Query]) -> dict[str, str]:
    """Return the query's parameters as text, without those that are absent."""
    words = {True: "true", False: "false"}
    return {
        name: words[value] if isinstance(value, bool) else str(value)
        for name, value in query.items()
        if value is not None
    }


def problem_type(response: httpx2.Response) -> str | None:
    """Return the type's name of a problem document, so of an Interlock server's own answer; None for any other."""
    if not response.headers.get("Content-Type", "").startswith("application/problem+json"):
        return None
    try:
        return str(response.json().get("type", "")).rsplit("/", 1)[-1]
    except (ValueError, AttributeError):
        return None


def cause_of(error: Exception) -> str:
    """Return the reason in a few words for a person."""
    text = str(error).lower()
    for sign, words in (
        ("refused", "connection refused"),
        ("name or service", "unknown host"),
        ("nodename", "unknown host"),
        ("getaddrinfo", "unknown host"),
        ("name resolution", "unknown host"),
        ("unreachable", "network unreachable"),
        ("reset", "connection reset"),
        ("disconnected", "disconnected without an answer"),
    ):
        if sign in text:
            return words
    if isinstance(error, httpx2.TimeoutException):
        return "no answer in time"
    return str(error) or type(error).__name__
