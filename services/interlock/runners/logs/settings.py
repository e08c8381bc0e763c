"""Where an environment's logs are and what is looked for in them: the tables `[logs.NAME]` of interlock.toml.

[logs.production]
files = ["/var/log/shop/*.log"]      # one of files, journald, command; rotated and compressed files are found
journald = "shop.service"            # a unit of systemd's journal on this machine
journal = "/var/log/journal/remote"  # with journald: a directory of journal files, such as those of other machines
command = ["./query.sh"]             # prints the lines from INTERLOCK_SINCE to INTERLOCK_UNTIL, and ends with 0
patterns = [{ name = "orders are lost", match = "order .* (lost|gone)", severity = "critical" }]
time = { match = '^([0-9.]+ [0-9:]+)', format = "%d.%m.%Y %H:%M:%S" }  # a form that is not known
zone = "UTC"                         # where the lines name none
seconds = 600                        # how long journald or the command may take
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args
from zoneinfo import ZoneInfo

from interlock.events.values import LINE_CHARACTERS_MAX, Severity
from interlock.runners.commands import Configured, command_of, known_only, table_of
from interlock.runners.connections import NotConfigured
from interlock.runners.expressions import NoPattern, compiled
from interlock.runners.logs.patterns import Pattern
from interlock.runners.logs.stamps import Stamps

KINDS: Final = ("files", "journald", "command")
NAMES: Final = frozenset({*KINDS, "journal", "patterns", "time", "zone", "seconds"})
PATTERNS_MAX: Final = 100
SECONDS: Final = 600
SECONDS_MAX: Final = 3_600
INSTEAD: Final = 'write it as in patterns = [{ name = "orders are lost", match = "order .* lost", severity = "high" }]'


@dataclass(frozen=True, slots=True)
class Logs:
    """One environment's logs: exactly one of `files` (globs), `journald` (a unit), `command`."""

    environment: str
    patterns: tuple[Pattern, ...]
    stamps: Stamps
    files: tuple[str, ...] = ()
    journald: str | None = None
    command: Configured | None = None
    seconds: float = SECONDS
    journal: Path | None = None

    @property
    def kind(self) -> str:
        """Which of the three it is."""
        return "files" if self.files else "journald" if self.journald is not None else "command"


def logs_of(document: Mapping[str, Any], environment: str, home: Path) -> Logs:
    """Return what interlock.toml in `home` says of the environment's logs. Raises NotConfigured."""
    place = f"logs.{environment}"
    table = table_of(document, "logs", environment)
    if not table:
        raise NotConfigured(place, "it is missing", f"add [{place}] with files, journald or command, and patterns")
    known_only(table, NAMES, place)
    kinds = [kind for kind in KINDS if kind in table]
    if len(kinds) != 1:
        raise NotConfigured(place, f"it names {' and '.join(kinds) or 'no log'}", f"name one of {', '.join(KINDS)}")
    return Logs(
        environment=environment,
        patterns=_patterns(table.get("patterns"), f"{place}.patterns"),
        stamps=_stamps(table, place),
        files=_globs(table.get("files"), f"{place}.files", home) if "files" in table else (),
        journald=_unit(table["journald"], f"{place}.journald") if "journald" in table else None,
        command=command_of(table["command"], f"{place}.command", home) if "command" in table else None,
        seconds=_seconds(table.get("seconds", SECONDS), f"{place}.seconds"),
        journal=_journal(table, place, home) if "journal" in table else None,
    )


def _patterns(value: object, setting: str) -> tuple[Pattern, ...]:
    if not isinstance(value, list) or not value or len(value) > PATTERNS_MAX:
        raise NotConfigured(setting, f"there must be 1 to {PATTERNS_MAX} of them", INSTEAD)
    found: dict[str, Pattern] = {}
    for number, each in enumerate(value, 1):
        pattern = _pattern(each, f"{setting}[{number}]")
        if pattern.name in found:
            raise NotConfigured(setting, f"two are named {pattern.name!r}", "give each a name of its own")
        found[pattern.name] = pattern
    return tuple(found.values())


def _pattern(value: object, setting: str) -> Pattern:
    if not isinstance(value, Mapping):
        raise NotConfigured(setting, "it is no table", INSTEAD)
    known_only(value, frozenset({"name", "match", "severity"}), setting)
    name, match, severity = value.get("name"), value.get("match"), value.get("severity", "high")
    if not isinstance(name, str) or not 0 < len(name) <= LINE_CHARACTERS_MAX or not name.isprintable():
        raise NotConfigured(f"{setting}.name", f"it is no line of 1 to {LINE_CHARACTERS_MAX} characters", INSTEAD)
    if severity not in get_args(Severity):
        raise NotConfigured(f"{setting}.severity", "there is no such severity", f"take {', '.join(get_args(Severity))}")
    if not isinstance(match, str) or not match:
        raise NotConfigured(f"{setting}.match", "it is missing or no text", INSTEAD)
    try:
        return Pattern(name, match, severity, compiled(match))
    except NoPattern as wrong:
        raise NotConfigured(
            f"{setting}.match", str(wrong), "RE2 reads it: no backward references, no looking around"
        ) from wrong


def _stamps(table: Mapping[str, Any], place: str) -> Stamps:
    try:
        zone = ZoneInfo(str(table.get("zone", "UTC")))
    except (ValueError, LookupError, OSError) as unknown:
        raise NotConfigured(f"{place}.zone", "there is no such zone", 'as in "UTC" or "Europe/London"') from unknown
    if "time" not in table:
        return Stamps(zone)
    instead = """write it as in time = { match = '^([0-9.]+ [0-9:]+)', format = "%d.%m.%Y %H:%M:%S" }"""
    time = table["time"]
    if not isinstance(time, Mapping) or set(time) != {"match", "format"}:
        raise NotConfigured(f"{place}.time", "it has match and format", instead)
    try:
        expression = compiled(str(time["match"]), groups=True)
    except NoPattern as wrong:
        raise NotConfigured(f"{place}.time.match", str(wrong), instead) from wrong
    if expression.groups != 1:
        raise NotConfigured(f"{place}.time.match", "it has one group, which is the time", instead)
    return Stamps(zone, expression, str(time["format"]))


def _globs(value: object, setting: str, home: Path) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(each, str) and each for each in value):
        raise NotConfigured(setting, "it is no list of paths", 'write it as in files = ["/var/log/shop/*.log"]')
    return tuple(str(home / each) for each in value)


def _unit(value: object, setting: str) -> str:
    # A word that begins with a hyphen would be an option of journalctl's.
    if not isinstance(value, str) or not value or value.startswith("-"):
        raise NotConfigured(setting, "it is no unit", 'write it as in journald = "shop.service"')
    return value


def _journal(table: Mapping[str, Any], place: str, home: Path) -> Path:
    value = table["journal"]
    if "journald" not in table:
        raise NotConfigured(f"{place}.journal", "no unit is named", 'name it too: journald = "shop.service"')
    if not isinstance(value, str) or not (home / value).is_dir():
        raise NotConfigured(
            f"{place}.journal", "there is no such directory", 'as in journal = "/var/log/journal/remote"'
        )
    return (home / value).resolve()


def _seconds(value: object, setting: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= SECONDS_MAX:
        raise NotConfigured(setting, f"it is no number from 1 to {SECONDS_MAX}", "write it as in seconds = 600")
    return float(value)
