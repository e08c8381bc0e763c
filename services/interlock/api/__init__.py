"""HTTP: translate requests into questions and commands, and answers into JSON. It decides nothing."""

from interlock.api.app import Api, build
from interlock.api.parts import Parts, Reads, Strangers

__all__ = ["Api", "Parts", "Reads", "Strangers", "build"]
