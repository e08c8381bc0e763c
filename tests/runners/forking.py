"""A warm process that forks: each line it reads is one piece of work, done in a child that may kill itself."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from interlock.cli.seams import pause
from interlock.runners.asking import Reached


def stops_at(spec: dict[str, Any]) -> Reached:
    """What is told of each step: at that of `spec` it kills this process, or waits until the flag says to go on."""
    flag = Path(spec["flag"])

    async def reached(step: str) -> None:
        if step != spec["step"]:
            return
        if spec["what"] == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        flag.with_suffix(".there").touch()
        while not flag.with_suffix(".go").exists():
            await pause(0.01)

    return reached


def forks(run: Callable[[dict[str, Any]], Coroutine[Any, Any, str | None]]) -> None:
    """Do what each line of standard input asks for in a child of its own, and say whether it was killed."""
    for line in sys.stdin:
        spec = json.loads(line)
        child = os.fork()
        if child == 0:
            result = asyncio.run(run(spec))
            if result is not None:
                Path(spec["flag"]).with_suffix(".result").write_text(result)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(json.dumps({"killed": os.WIFSIGNALED(status)}), flush=True)
