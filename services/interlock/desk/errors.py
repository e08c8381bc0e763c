"""Why a command got no decision. In each case nothing is lost: the same command id may be sent again."""

from __future__ import annotations


class DeskError(Exception):
    """the desk gave no decision"""

    def __init__(self, detail: str = "") -> None:
        """Say the docstring, and `detail` where there is one."""
        meaning = " ".join((type(self).__doc__ or "").split())
        super().__init__(f"{meaning}: {detail}" if detail else meaning)
        self.detail = detail


class CommandIdReused(DeskError):
    """this command id was already used for another request: a new intent needs a new id"""


class CredentialOver(DeskError):
    """the credential that this command was sent with is revoked or expired by now, and nothing was recorded"""


class CommandTooLarge(DeskError):
    """what this command would record does not fit into the ledger: put large things into evidence"""


class NoSuchPosition(DeskError):
    """the project's ledger has no such position"""


class Unavailable(DeskError):
    """no decision can be made now, and nothing was recorded: repeat the command with the same id"""


class UnknownOutcome(Unavailable):
    """the ledger was lost while the command was being recorded, so it may be recorded or not: repeat it with the
    same id, which gives its one answer"""


class Overloaded(Unavailable):
    """too many commands wait for this project, and nothing was recorded: repeat the command later with the same id"""


class CannotStampTime(Unavailable):
    """the ledger's clock does not agree with what is recorded, so nothing is recorded: repeat the command with the
    same id when it does"""


class UnknownEvent(Unavailable):
    """the ledger holds an event that this version of Interlock does not know, so it decides nothing about the
    project: upgrade it, and repeat the command with the same id"""


class NotAccepted(Unavailable):
    """the ledger was restored, and two administrators have not let it take commands yet: dt confirm, and repeat the
    command with the same id"""


class LedgerWentBack(Unavailable):
    """the ledger no longer holds what this process read in it, as after a restore from an older backup, so nothing is
    decided on it: start this server again, and it says what is to be done"""


class LedgerElsewhere(DeskError):
    """this ledger moved, and takes no command here any more: nothing was recorded, give the command there"""


class DeskClosed(Unavailable):
    """this process is stopping: repeat the command with the same id at another"""
