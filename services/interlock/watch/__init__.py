"""The watch: what time alone brings about becomes a command, each once."""

from interlock.watch.watch import Watch

__all__ = ["Watch"]
