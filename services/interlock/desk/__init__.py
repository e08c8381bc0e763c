"""The desk: the one command path. It decides in order, commits in groups, and answers for ever."""

from interlock.desk.answer import Answer
from interlock.desk.deciding import BATCH_COMMANDS_MAX
from interlock.desk.desk import Desk, Submission
from interlock.desk.errors import (
    CannotStampTime,
    CommandIdReused,
    CommandTooLarge,
    CredentialOver,
    DeskClosed,
    DeskError,
    LedgerElsewhere,
    LedgerWentBack,
    NoSuchPosition,
    NotAccepted,
    Overloaded,
    Unavailable,
    UnknownEvent,
    UnknownOutcome,
)
from interlock.desk.real_rules import real_rules
from interlock.desk.rules import Rules

__all__ = [
    "BATCH_COMMANDS_MAX",
    "Answer",
    "CannotStampTime",
    "CommandIdReused",
    "CommandTooLarge",
    "CredentialOver",
    "Desk",
    "DeskClosed",
    "DeskError",
    "LedgerElsewhere",
    "LedgerWentBack",
    "NoSuchPosition",
    "NotAccepted",
    "Overloaded",
    "Rules",
    "Submission",
    "Unavailable",
    "UnknownEvent",
    "UnknownOutcome",
    "real_rules",
]
