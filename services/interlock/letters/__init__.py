"""Dead letters: what came in and could not be understood, kept with its own bytes until a person settles it."""

from interlock.letters.letters import LETTERS_MAX, DeadLetters, Letter, NoSuchLetter, NotWaiting
from interlock.letters.record import Record

__all__ = ["LETTERS_MAX", "DeadLetters", "Letter", "NoSuchLetter", "NotWaiting", "Record"]
