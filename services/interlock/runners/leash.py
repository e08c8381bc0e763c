"""What stands between a runner and its child: when the runner is gone, however it died, the child is ended.

python -I -S leash.py GRACE_SECONDS end|leave COMMAND…

It runs COMMAND in a session of its own and holds its own standard input: a rope whose other end the runner has. When
the rope is let go, by the runner or by its death, everything that the command started is asked to end, and killed
after the grace. Where the command ends by itself, what it left running is ended too (`end`) or left alone (`leave`).
It ends as the command did: with its code, or 128 and the signal's number. 127: there is no such command.

This file runs by itself, without the rest of Interlock, so that it is there within milliseconds.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

PAUSE_SECONDS = 0.05
SUBREAPER = 36  # prctl(2), PR_SET_CHILD_SUBREAPER
NOT_FOUND = 127
NOT_RUNNABLE = 126


def main(arguments: list[str]) -> int:
    """Run the command and return how it ended."""
    grace, left, command = float(arguments[0]), arguments[1], arguments[2:]
    adopt()
    # A terminal's Ctrl-C is for the runner, which lets the rope go.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, restore_signals=True)
    except FileNotFoundError as missing:
        sys.stderr.write(f"{command[0]}: there is no such command here ({missing.strerror})\n")
        return NOT_FOUND
    except OSError as wrong:
        sys.stderr.write(f"{command[0]}: it cannot be run ({wrong.strerror})\n")
        return NOT_RUNNABLE
    gone, ended = threading.Event(), threading.Event()
    threading.Thread(target=hold, args=(child, grace, gone, ended), daemon=True).start()
    code = child.wait()
    if gone.is_set():
        ended.wait()
    elif left == "end":
        end_all(child, grace)
    return code if code >= 0 else 128 - code


def hold(child: subprocess.Popen[bytes], grace: float, gone: threading.Event, ended: threading.Event) -> None:
    """Wait until the rope is let go; then end everything."""
    while os.read(0, 4096):
        pass
    gone.set()
    end_all(child, grace)
    ended.set()


def end_all(child: subprocess.Popen[bytes], grace: float) -> None:
    """Ask all that the command started to end; kill what is there after the grace."""
    send(child, signal.SIGTERM)
    for _ in range(int(grace / PAUSE_SECONDS)):
        if not left_of(child):
            return
        threading.Event().wait(PAUSE_SECONDS)
    # What is killed may have started another just before: until nothing is left.
    while left_of(child):
        send(child, signal.SIGKILL)
        threading.Event().wait(PAUSE_SECONDS)


def left_of(child: subprocess.Popen[bytes]) -> list[int]:
    """Return what still runs: the command itself until its end was waited for, whatever /proc shows at the moment."""
    found = descendants(child.pid)
    return [child.pid, *found] if child.returncode is None and child.pid not in found else found


def send(child: subprocess.Popen[bytes], what: signal.Signals) -> None:
    """Send a signal to all of them; the ones that are gone meanwhile do not mind."""
    for process in left_of(child):
        try:
            os.kill(process, what)
        except (ProcessLookupError, PermissionError):
            continue


def adopt() -> None:
    """Become the parent of whatever loses its own below: so a child in a session of its own is still found."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(SUBREAPER, 1, 0, 0, 0)


def descendants(leader: int) -> list[int]:
    """Return the processes below this one that still run; where there is no /proc, the command's group."""
    if not Path("/proc/self/stat").exists():
        try:
            os.killpg(leader, 0)
        except (ProcessLookupError, PermissionError):
            return []
        return [-leader]
    children: dict[int, list[int]] = {}
    running: set[int] = set()
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            # The name, in brackets, may hold anything: state and parent stand behind its last bracket.
            state, parent = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[:2]
        except (OSError, ValueError):
            continue
        children.setdefault(int(parent), []).append(int(folder.name))
        if state not in {"Z", "X"}:
            running.add(int(folder.name))
    found, below = [], list(children.get(os.getpid(), ()))
    while below:
        process = below.pop()
        below += children.get(process, ())
        if process in running:
            found.append(process)
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
