"""How far each log file was read: remembered before and after what was found is told, so that it is told once."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Place = dict[str, int]


@dataclass(slots=True)
class Places:
    """`done` are the files' places up to which everything was told; `until` those that are being told."""

    path: Path
    done: dict[str, Place] = field(default_factory=dict)
    until: dict[str, Place] | None = None

    @classmethod
    def read(cls, path: Path) -> Places:
        """Read them; no file means that nothing was read yet."""
        try:
            document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return cls(path)
        return cls(path, document["done"], document["until"])

    def start_of(self, file: Path) -> int:
        """Return from where a file is to be read; one that was begun anew, from its start."""
        known = self.done.get(file.name)
        found = file.stat()
        if known is None or known["inode"] != found.st_ino or known["offset"] > found.st_size:
            return 0
        return known["offset"]

    def telling(self, until: dict[str, Place]) -> None:
        """Remember what is about to be told: a crash tells exactly the same again, and nobody hears it twice."""
        self.until = until
        self._write()

    def told(self, present: set[str]) -> None:
        """Remember that it was told; files that are gone are forgotten."""
        self.done = {name: place for name, place in {**self.done, **(self.until or {})}.items() if name in present}
        self.until = None
        self._write()

    def _write(self) -> None:
        """A crash leaves the old file or the new one."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        unfinished = self.path.with_suffix(".unfinished")
        with unfinished.open("w", encoding="utf-8") as file:
            json.dump({"done": self.done, "until": self.until}, file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self.path)
