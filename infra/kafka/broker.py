"""One KRaft broker as a process: from Apache's own jars, in a directory of its own, on free ports of the loopback."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Self
from uuid import uuid4

HERE: Final = Path(__file__).resolve().parent
REPOSITORY: Final = HERE.parents[1]
JARS: Final = REPOSITORY / ".kafka" / "jars"
HOST: Final = "127.0.0.1"
# Below the range from which the system gives ports to whoever connects, so that nobody gets one of ours by chance.
PORTS: Final = range(20_000, 32_768)
HEAP: Final = "-Xmx512m"
# Only against hangs: a start takes 4 to 9 seconds, a stop 1 to 3.
START_SECONDS: Final = 90
STOP_SECONDS: Final = 30
STARTED: Final = "Kafka Server started"
LOG_LINES_SHOWN: Final = 40


class NotFetched(Exception):
    """Kafka's jars are not here: `make setup` fetches them"""


class BrokerNotStarted(Exception):
    """the broker did not start"""


def free_port(among: Sequence[int] = PORTS) -> int:
    """Return one of these ports of the loopback that nobody listens on. Raises BrokerNotStarted."""
    for port in random.sample(among, len(among)):
        with socket.socket() as tried:
            try:
                tried.bind((HOST, port))
            except OSError:
                continue
            return port
    raise BrokerNotStarted("no port below 32768 is free")


def java(main: str, *arguments: str, options: Sequence[str] = ()) -> list[str]:
    """Return the command that runs one of Kafka's classes. Raises NotFetched."""
    if not JARS.is_dir():
        raise NotFetched(str(JARS))
    logging = f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}"
    return ["java", *options, logging, "-cp", f"{JARS}/*", main, *arguments]


def properties(path: Path) -> dict[str, str]:
    """Return the settings in a .properties file, of the simple form that ours have."""
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}


class Broker:
    """One broker. Everything of it lies in `directory`; its log is `directory/broker.log`, of all its starts.

    Stopped in whatever way, it is started again with what it had.
    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
        format_options: Sequence[str] = (),
        java_options: Sequence[str] = (),
    ) -> None:
        """Take `port`, or a free one; `settings` win over broker.properties, `format_options` go to the formatter."""
        self.directory = directory
        self.port = port or free_port()
        self.controller_port = free_port()
        self._settings = dict(settings or {})
        self._format_options = tuple(format_options)
        self._java_options = tuple(java_options)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where clients find it."""
        return f"{HOST}:{self.port}"

    @property
    def log(self) -> Path:
        """What it tells."""
        return self.directory / "broker.log"

    def settings(self) -> dict[str, str]:
        """Return all its settings."""
        return {
            **properties(HERE / "broker.properties"),
            "listeners": f"CLIENTS://{self.address},CONTROLLER://{HOST}:{self.controller_port}",
            "advertised.listeners": f"CLIENTS://{self.address}",
            "listener.security.protocol.map": "CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "CLIENTS",
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.voters": f"1@{HOST}:{self.controller_port}",
            "log.dirs": str(self.directory / "data"),
            **self._settings,
        }

    def start(self) -> Self:
        """Format the directory if it is new, start, and wait until it serves. Raises BrokerNotStarted, NotFetched."""
        self.directory.mkdir(parents=True, exist_ok=True)
        configuration = self.directory / "server.properties"
        lines = (f"{name}={value}\n" for name, value in self.settings().items())
        configuration.write_text("".join(lines), encoding="utf-8")
        if not (self.directory / "data" / "meta.properties").exists():
            self._format(configuration)
        command = java("kafka.Kafka", str(configuration), options=(HEAP, "-XX:+UseSerialGC", *self._java_options))
        before = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            # In a group of its own: the terminal's Ctrl-C reaches whoever started it, who stops it in order.
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
        try:
            self._wait_until_it_serves(before)
        except BaseException:
            self.kill()
            raise
        return self

    def _format(self, configuration: Path) -> None:
        command = java(
            "kafka.tools.StorageTool",
            *("format", "--cluster-id", str(uuid4()), "--config", str(configuration), *self._format_options),
            options=("-XX:TieredStopAtLevel=1",),
        )
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=START_SECONDS)
        if done.returncode != 0:
            raise BrokerNotStarted(f"{self.directory} cannot be formatted: {done.stdout}{done.stderr}")

    def _wait_until_it_serves(self, after: int) -> None:
        assert self._process is not None
        told = ""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with self.log.open("rb") as log:
                log.seek(after)
                told = log.read().decode(errors="replace")
            if STARTED in told:
                return
            if self._process.poll() is not None:
                break
            time.sleep(0.05)
        lines = "\n".join(told.splitlines()[-LOG_LINES_SHOWN:])
        raise BrokerNotStarted(f"see {self.log}:\n{lines}")

    @property
    def pid(self) -> int | None:
        """Its process, while it runs."""
        return self._process.pid if self.is_running() and self._process is not None else None

    def is_running(self) -> bool:
        """Tell whether its process is there, frozen or not."""
        return self._process is not None and self._process.poll() is None

    def wait(self) -> int:
        """Wait until it ends by itself; return its exit code."""
        assert self._process is not None
        return self._process.wait()

    def stop(self) -> None:
        """Stop it in order, and wait for its end; one that does not end in STOP_SECONDS is killed."""
        if self._process is None:
            return
        if self.is_running():
            self.thaw()
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()

    def kill(self) -> None:
        """End it as a crash does: nothing is flushed, nobody is told."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def freeze(self) -> None:
        """Let it stand still, with its connections open: what hangs here shows who waits without a bound."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on where it stood."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        if self.is_running() and self._process is not None:
            os.kill(self._process.pid, number)

    def __enter__(self) -> Self:
        """Start it."""
        return self.start()

    def __exit__(self, *exception: object) -> None:
        """Stop it."""
        self.stop()
