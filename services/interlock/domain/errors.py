"""What can be wrong with what was asked, before any rule is looked at."""

from __future__ import annotations


class NotFound(LookupError):
    """there is no such thing in this project"""

    def __init__(self, kind: str, name: str) -> None:
        """`kind` is a word of the design ("release"), `name` what was asked for."""
        super().__init__(f"there is no {kind} {name!r} in this project")
        self.kind = kind
        self.name = name


class Changed(RuntimeError):
    """it changed since you read it: read it again, then decide again"""

    def __init__(self, stream: str, expected: int, actual: int) -> None:
        """Versions are those of the stream."""
        super().__init__(f"{stream} changed under you: you read version {expected}, it is at {actual}")
        self.stream = stream
        self.expected = expected
        self.actual = actual


class InvalidCommand(ValueError):
    """the command contradicts itself or the record; `field` says where"""

    def __init__(self, field: str, what: str) -> None:
        """`what` says what is wrong and what would be right."""
        super().__init__(f"{field}: {what}")
        self.field = field
        self.what = what
