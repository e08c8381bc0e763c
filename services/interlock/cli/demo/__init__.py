"""`dt demo`: two weeks of releases, told by the public API of a server of its own; then try to break a rule."""

from interlock.cli.demo.command import demo

__all__ = ["demo"]
