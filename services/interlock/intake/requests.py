"""A record of the intake, understood: which command, for which project, under which id, and when it was made."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from interlock.domain.commands import PUBLISHED
from interlock.events import intake
from interlock.events.fact import fact
from interlock.events.strict import BadInput, read, strict_json
from interlock.events.values import in_utc
from interlock.intake.observations import OBSERVATIONS, Evidence, observed
from interlock.letters import Record

# CloudEvents has no limit; these are ids, and stand in headers and answers.
ID_CHARACTERS_MAX: Final = 256

_PROJECT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
_NUMBER: Final = re.compile(r"0|[1-9]\d{0,15}")


@fact
class Reference:
    """What a record is called by its sender, as far as it could be read: enough to answer it."""

    project: str | None = None
    source: str | None = None
    id: str | None = None

    @property
    def answerable(self) -> bool:
        """Whether the sender could tell its answer from others."""
        return self.source is not None and self.id is not None


class NotUnderstood(ValueError):
    """the record is no request: it is put aside with the reason, and nothing of it is done"""

    def __init__(self, why: str, reference: Reference, faults: Sequence[tuple[str, str]] = ()) -> None:
        """`faults` are fields of the data and what is wrong with each."""
        super().__init__(why)
        self.why = why
        self.reference = reference
        self.faults = tuple(faults)


@fact
class Request:
    """A command that somebody published. `time` is when, as they say, and None where they do not."""

    project: str
    source: str
    id: str
    name: str
    command: Any
    time: datetime | None
    if_version: int | None
    evidence: tuple[Evidence, ...] = ()

    @property
    def command_id(self) -> UUID:
        """The same for the same request, each time it comes."""
        return intake.command_id(self.project, self.source, self.id)

    @property
    def reference(self) -> Reference:
        """What its answer refers to."""
        return Reference(project=self.project, source=self.source, id=self.id)


def understood(record: Record) -> Request:
    """Return the request that a record holds. Raises NotUnderstood."""
    nobody = Reference()
    if record.size > intake.RECORD_BYTES_MAX:
        raise NotUnderstood(f"it has {record.size:,} bytes; at most {intake.RECORD_BYTES_MAX:,} are read", nobody)
    headers = dict(record.headers)
    if len(headers) != len(record.headers):
        raise NotUnderstood("a header stands there twice, so that two readers may see two things", nobody)
    kind = headers.get(intake.CONTENT_TYPE_HEADER, b"").decode("latin-1").partition(";")[0].strip().lower()
    try:
        if kind == intake.STRUCTURED:
            attributes, data = _structured(record.value or b"")
        elif kind == intake.JSON:
            attributes, data = _binary(headers, record.value or b"")
        else:
            why = f"content-type is {kind!r}, and must be {intake.STRUCTURED} or, in binary mode, {intake.JSON}"
            raise NotUnderstood(why, nobody)
    except BadInput as bad:
        raise NotUnderstood(str(bad), nobody, _faults(bad)) from None
    return _request(attributes, data)


def _structured(value: bytes) -> tuple[Mapping[str, Any], Any]:
    document = strict_json(value, bytes_max=intake.RECORD_BYTES_MAX)
    if not isinstance(document, dict):
        raise NotUnderstood("a CloudEvent is a JSON object", Reference())
    return {name: text for name, text in document.items() if name != "data"}, document.get("data")


def _binary(headers: Mapping[str, bytes], value: bytes) -> tuple[Mapping[str, Any], Any]:
    attributes: dict[str, Any] = {}
    for name, text in headers.items():
        if name.startswith("ce_"):
            try:
                attributes[name.removeprefix("ce_")] = text.decode()
            except UnicodeDecodeError:
                raise NotUnderstood(f"the header {name} is no UTF-8", Reference()) from None
    return attributes, strict_json(value, bytes_max=intake.RECORD_BYTES_MAX)


def _request(attributes: Mapping[str, Any], data: Any) -> Request:
    source, identifier = _name(attributes, "source"), _name(attributes, "id")
    project = attributes.get("project")
    project = project if isinstance(project, str) and _PROJECT.fullmatch(project) else None
    reference = Reference(project=project, source=source, id=identifier)

    def refuse(why: str, faults: Sequence[tuple[str, str]] = ()) -> NotUnderstood:
        return NotUnderstood(why, reference, faults)

    if attributes.get("specversion") != "1.0":
        raise refuse("specversion: it must be 1.0")
    if source is None or identifier is None:
        what = "id" if identifier is None else "source"
        raise refuse(f"{what}: it must be a text of 1 to {ID_CHARACTERS_MAX} characters")
    if project is None:
        raise refuse("project: it must be the name of a project")
    kind = attributes.get("type")
    name, command, evidence = _command(kind if isinstance(kind, str) else "", data, refuse)
    return Request(
        project=project,
        source=source,
        id=identifier,
        name=name,
        command=command,
        time=_time(attributes.get("time"), refuse),
        if_version=_version(attributes.get("ifversion"), refuse),
        evidence=evidence,
    )


def _name(attributes: Mapping[str, Any], name: str) -> str | None:
    text = attributes.get(name)
    return text if isinstance(text, str) and 0 < len(text) <= ID_CHARACTERS_MAX and text.isprintable() else None


def _command(kind: str, data: Any, refuse: Any) -> tuple[str, Any, tuple[Evidence, ...]]:
    """Return the command's name, the command, and what belongs into evidence first."""
    if kind.startswith(intake.COMMAND_TYPE):
        name = kind.removeprefix(intake.COMMAND_TYPE)
        if name not in PUBLISHED:
            raise refuse(f"type: there is no command {name!r} for anybody to give")
    elif kind.startswith(intake.OBSERVATION_TYPE) and kind.removeprefix(intake.OBSERVATION_TYPE) in OBSERVATIONS:
        try:
            name, data, evidence = observed(kind.removeprefix(intake.OBSERVATION_TYPE), data)
        except BadInput as bad:
            raise refuse(str(bad), _faults(bad)) from None
        return name, _read(name, data, refuse), evidence
    else:
        raise refuse(f"type: it must be {intake.COMMAND_TYPE}NAME or {intake.OBSERVATION_TYPE}NAME, not {kind!r}")
    return name, _read(name, data, refuse), ()


def _read(name: str, data: Any, refuse: Any) -> Any:
    try:
        return read(PUBLISHED[name], data)
    except BadInput as bad:
        raise refuse(f"data: {bad}", _faults(bad)) from None


def _time(text: Any, refuse: Any) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
        return in_utc(at) if at.tzinfo is not None else None
    except (TypeError, ValueError, OverflowError):
        raise refuse("time: it must be an instant as in 2026-11-28T09:00:00Z") from None


def _version(text: Any, refuse: Any) -> int | None:
    if text is None:
        return None
    if not _NUMBER.fullmatch(str(text)):
        raise refuse("ifversion: it must be a version that was read")
    return int(text)


def _faults(bad: BadInput) -> list[tuple[str, str]]:
    return [(fault.field or "data", fault.what) for fault in bad.faults]
