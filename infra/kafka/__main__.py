"""`make kafka`: a broker here until it is told to stop; with a command behind `--`, for as long as that runs.

python -m infra.kafka [--data DIR] [--port N]
python -m infra.kafka -- dt up --kafka {kafka}
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
from pathlib import Path

from infra.kafka.broker import REPOSITORY, Broker, BrokerNotStarted, NotFetched


def main(given: list[str]) -> int:
    """Run the broker, and the command with it; return the command's exit code."""
    options, command = (given[: given.index("--")], given[given.index("--") + 1 :]) if "--" in given else (given, [])
    parser = argparse.ArgumentParser(prog="python -m infra.kafka", description="A Kafka broker of one's own, here.")
    parser.add_argument("--data", type=Path, default=REPOSITORY / ".kafka" / "broker", help="where it keeps everything")
    parser.add_argument("--port", type=int, help="where it listens; without it, any free one below 32768")
    asked = parser.parse_args(options)
    broker = Broker(asked.data.resolve(), port=asked.port)
    # A signal must end the wait and not this process, or the broker would be left behind.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        with broker:
            print(f"Kafka listens at {broker.address}; its log is {broker.log}; stop it with Ctrl-C", flush=True)
            return _beside(broker, command) if command else _until_a_signal(broker)
    except (BrokerNotStarted, NotFetched) as wrong:
        print(f"✗ {wrong.__doc__}: {wrong}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def _interrupt(number: int, frame: object) -> None:
    del number, frame
    raise KeyboardInterrupt


def _until_a_signal(broker: Broker) -> int:
    code = broker.wait()
    print(f"✗ the broker ended by itself: see {broker.log}", file=sys.stderr)
    return code or 1


def _beside(broker: Broker, command: list[str]) -> int:
    # In a group of its own: the terminal's Ctrl-C reaches this process alone, which tells the command once.
    process = subprocess.Popen([part.replace("{kafka}", broker.address) for part in command], start_new_session=True)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            # The command ends first, in order, while its broker is still there.
            process.terminate()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
