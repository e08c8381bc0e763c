"""docker-compose.yml says what the code and the tests use, and every command in it starts here as a process."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx2
import pytest

from infra.kafka.broker import HERE, HOST, Broker, free_port, java, properties
from interlock.bus import KafkaAddress, ensure, topics
from interlock.ledger.embedded import EmbeddedPostgres
from interlock.serve.parts import PARTS
from interlock.serve.prepare import verifier
from tests.feed.feeds import sleep
from tests.fixtures.kafka import Kafka, started_broker
from tests.fixtures.postgres import started_postgres
from tests.fixtures.provider import RunningProvider, settings_text, started_provider
from tests.fixtures.server import config_text
from tests.house.tree import REPOSITORY
from tests.infra.composed import COMPOSE, DOCKERFILE, KNOWN, SECRETS, SETTINGS, prepare, project
from tests.web.signed import Visitor

SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = {name: each for name, each in SERVICES.items() if each["image"].startswith("interlock-release")}
OTHERS = {"postgres", "kafka"}
ONCE = {"database"}
PORT = "8787"
START_SECONDS = 90
SCRAPES = "what Prometheus shows"


def test_every_part_is_a_service_of_its_own_and_nothing_else_is() -> None:
    parts = {name: each["command"][1] for name, each in OURS.items() if name not in ONCE}
    assert parts == {name: name for name in PARTS}
    assert SERVICES.keys() == PARTS.keys() | OTHERS | ONCE


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_a_pinned_image_a_restart_policy_and_a_health_check(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"[a-z/-]+:\d+(\.\d+)+(-[a-z]+)?", service["image"]), "a whole version, never latest"
    if name in ONCE:
        assert (service["restart"], service["healthcheck"]) == ("no", {"disable": True})
    else:
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]["test"][0] == "CMD"
        assert {"interval", "timeout", "retries"} <= service["healthcheck"].keys()


def test_what_must_be_kept_is_in_volumes() -> None:
    kept = {name: [mount.partition(":")[::2] for mount in SERVICES[name]["volumes"]] for name in OTHERS}
    assert ("postgres", "/var/lib/postgresql") in kept["postgres"]
    assert ("kafka", SERVICES["kafka"]["environment"]["KAFKA_LOG_DIRS"]) in kept["kafka"]
    for service in OURS.values():
        # The directory of the settings is of the host, and only read.
        assert service["volumes"] in ([f"./{SETTINGS}:/etc/interlock:ro", f"known:{KNOWN}"], [])
    assert COMPOSE["volumes"].keys() == {"postgres", "kafka", "known"}
    assert re.search(rf"^RUN install --directory --owner=10001 --group=10001 {KNOWN}$", DOCKERFILE, flags=re.MULTILINE)


def test_our_services_have_no_rights_that_they_do_not_need() -> None:
    for name, service in OURS.items():
        assert (service["read_only"], service["cap_drop"], service["init"]) == (True, ["ALL"], True), name
        assert service["security_opt"] == ["no-new-privileges:true"]
    assert [name for name, service in OURS.items() if "owner_dsn" in service["secrets"]] == ["api"]
    assert [name for name, service in OURS.items() if "admin_dsn" in service["secrets"]] == ["database"]
    assert [name for name, service in OURS.items() if "oidc_secret" in service["secrets"]] == ["api"]


def test_the_file_holds_no_secret_and_git_ignores_where_they_lie() -> None:
    text = (REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8")
    assert not re.search(r"postgres(ql)?://[^ ]*:[^ ]*@", text)
    for service in SERVICES.values():
        for variable, value in service.get("environment", {}).items():
            assert "PASSWORD" not in variable or variable.endswith("_FILE"), value
    for name, secret in COMPOSE["secrets"].items():
        assert secret == {"file": f"./.compose/secrets/{name}"}
    ignored = subprocess.run(["git", "check-ignore", ".compose/secrets/x"], cwd=REPOSITORY, check=False)
    assert ignored.returncode == 0


def test_kafka_is_the_version_that_the_tests_run() -> None:
    pom = (HERE / "pom.xml").read_text(encoding="utf-8")
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{re.findall(r'<kafka.version>(.*)</kafka.version>', pom)[0]}"


async def test_postgresql_is_the_version_that_the_tests_run(dsns: Any) -> None:
    connection = await asyncpg.connect(dsns.app)
    version = (await connection.fetchval("show server_version")).split()[0]
    await connection.close()
    assert SERVICES["postgres"]["image"].partition(":")[2].partition("-")[0] == version


def replaced(value: str, replacements: Mapping[str, str]) -> str:
    for old, new in replacements.items():
        value = value.replace(old, new)
    return value


def test_the_composed_kafka_starts_with_the_tests_settings(tmp_path: Path) -> None:
    """Its image's own start is played: Apache's wrapper makes the configuration, and that broker is started."""
    service = SERVICES["kafka"]
    client, controller = free_port(), free_port()
    here = {
        "CLIENTS://:9092": f"CLIENTS://{HOST}:{client}",
        "kafka:9092": f"{HOST}:{client}",
        "CONTROLLER://:9093": f"CONTROLLER://{HOST}:{controller}",
        "localhost:9093": f"{HOST}:{controller}",
        "/var/lib/kafka/data": str(tmp_path / "broker" / "data"),
    }
    for name in ("defaults", "mounted", "final"):
        (tmp_path / name).mkdir()
    # The image's defaults are overruled by the mounted file; the two for logging only have to be there.
    for name in ("server.properties", "log4j2.yaml", "tools-log4j2.yaml"):
        (tmp_path / "defaults" / name).write_text("", encoding="utf-8")
    [mounted] = [mount for mount in service["volumes"] if mount.startswith("./")]
    source, target, mode = mounted.split(":")
    assert (target, mode) == ("/mnt/shared/config/server.properties", "ro")
    shutil.copy(REPOSITORY / source, tmp_path / "mounted" / "server.properties")
    environment = {name: replaced(value, here) for name, value in service["environment"].items()}
    wrapped = java(
        "kafka.docker.KafkaDockerWrapper", "setup", "--default-configs-dir", str(tmp_path / "defaults"),
        "--mounted-configs-dir", str(tmp_path / "mounted"), "--final-configs-dir", str(tmp_path / "final"),
    )  # fmt: skip
    subprocess.run(wrapped, env={**os.environ, **environment}, check=True, timeout=START_SECONDS, capture_output=True)
    final = properties(tmp_path / "final" / "server.properties")
    ours = properties(HERE / "broker.properties")
    assert {name: final[name] for name in ours} == ours
    assert final.keys() - ours.keys() == Broker(tmp_path).settings().keys() - ours.keys()
    broker = Broker(tmp_path / "broker", port=client, settings=final)
    with broker:
        prefix = topics(replicas=int(ours["default.replication.factor"]))
        created = asyncio.run(ensure(KafkaAddress(broker.address), prefix.all, sleep=sleep))
    assert sorted(created) == sorted(topic.name for topic in topics().all)


@dataclass(frozen=True)
class Prepared:
    """What `prepare.sh` made, with the addresses of this machine, and where the API will be found."""

    home: Path
    embedded: EmbeddedPostgres
    provider: RunningProvider
    port: int

    def here(self) -> dict[str, str]:
        return {"/run/secrets": str(self.home / SECRETS), KNOWN: str(self.home / "known")}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    """`.compose/`, a PostgreSQL on which nothing was prepared yet, and an identity provider that knows the API."""
    home, port = tmp_path_factory.mktemp("composed"), free_port()
    with started_postgres() as embedded, started_provider([f"http://{HOST}:{port}/sign-in/back"]) as provider:
        said = settings_text(provider.issuer, home / "of-the-provider").replace(f"file:{home}/", "file:")
        project(home, config_text(more='[server]\nmetrics_token = "env:SCRAPES"  # shown by Prometheus') + said)
        made = Prepared(home, embedded, provider, port)
        assert prepare(home, SCRAPES=SCRAPES).returncode == 0
        secrets = home / SECRETS
        assert {path.name for path in secrets.iterdir()} == COMPOSE["secrets"].keys()
        before = {path.name: path.read_text() for path in secrets.iterdir()}
        (home / "of-the-provider").unlink()
        assert prepare(home).returncode == 0
        assert {path.name: path.read_text() for path in secrets.iterdir()} == before, "what is there is kept"
        dsns = embedded.dsns("interlock")
        for name, dsn in {"admin_dsn": embedded.dsn(), "owner_dsn": dsns.owner, "app_dsn": dsns.app}.items():
            password = before[f"{name.removesuffix('_dsn').replace('admin', 'postgres')}_password"]
            assert re.fullmatch(rf"postgresql://\w+:{password}@postgres/\w+", before[name])
            assert re.fullmatch("[0-9a-f]{48}", password)
            (secrets / name).write_text(dsn, encoding="utf-8")
        config = home / SETTINGS / "interlock.toml"
        config.write_text(replaced(config.read_text(), made.here()), encoding="utf-8")
        yield made


def command_of(service: Mapping[str, Any], here: Mapping[str, str]) -> list[str]:
    """The whole command as the image runs it, with this machine's addresses."""
    [entrypoint] = re.findall(r"^ENTRYPOINT \[(.*)\]$", DOCKERFILE, flags=re.MULTILINE)
    first = service.get("entrypoint") or [part.strip(' "') for part in entrypoint.split(",")]
    assert first[:2] == ["python", "-m"]
    return [sys.executable, *first[1:], *(replaced(part, here) for part in service["command"])]


@contextmanager
def started(command: list[str], directory: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A part's process; it must end in order at SIGTERM, as `docker compose stop` sends it."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=directory, stdout=out, stderr=out)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(30) == 0, log.read_text()
        finally:
            process.kill()
            process.wait()


def healthy(service: Mapping[str, Any], here: Mapping[str, str], log: Path) -> None:
    """Ask as docker does until it is well."""
    kind, *command = service["healthcheck"]["test"]
    assert (kind, command[0]) == ("CMD", "python")
    asked = [sys.executable, *(replaced(part, here) for part in command[1:])]
    deadline = time.monotonic() + START_SECONDS
    while (done := subprocess.run(asked, capture_output=True, text=True, check=False, timeout=30)).returncode:
        assert time.monotonic() < deadline, done.stderr + done.stdout + log.read_text()
        time.sleep(0.2)


def test_every_command_of_ours_starts_and_becomes_healthy(prepared: Prepared, tmp_path: Path) -> None:
    home = prepared.home
    [settings, target, _] = COMPOSE["x-part"]["volumes"][0].split(":")
    # The image's working directory is where its settings are mounted.
    assert f"WORKDIR {target}" in DOCKERFILE
    (home / "known").mkdir()
    with started_broker() as broker, ExitStack() as stack:
        for name in in_order():
            service = OURS[name]
            port = prepared.port if name == "api" else free_port()
            here = {
                **prepared.here(),
                PORT: str(port),
                "kafka:9092": broker.address,
                "0.0.0.0": HOST,
            }
            command, log = command_of(service, here), tmp_path / f"{name}.log"
            if name in ONCE:
                for _ in range(2):
                    subprocess.run(command, cwd=home, check=True, timeout=START_SECONDS)
                continue
            stack.enter_context(started(command, home / settings, log))
            healthy(service, here, log)
            for shown, status in (({}, 401), ({"Authorization": f"Bearer {SCRAPES}"}, 200)):
                assert httpx2.get(f"http://{HOST}:{port}/metrics", headers=shown).status_code == status, name
        the_provider_believes_the_api(prepared)
        assert json.loads((home / "known" / "known.json").read_text(encoding="utf-8"))["demo"]["position"] > 0


def the_provider_believes_the_api(prepared: Prepared) -> None:
    """It gives away who somebody is only to whoever shows its secret; here that is nobody's name, and so no way in."""
    visitor = Visitor(f"http://{HOST}:{prepared.port}", HOST)
    begun = visitor._kept(visitor.get("/sign-in/provider?project=demo&next=/p/demo/"))
    back = urlsplit(prepared.provider.signed_in(begun.headers["location"], "u-stranger"))
    answer = visitor.get(f"{back.path}?{back.query}")
    assert answer.status_code in {401, 403}
    assert "nobody-here" in answer.text
    visitor.http.close()


def in_order() -> list[str]:
    """Our services, each after those that it waits for."""
    order: list[str] = []
    while len(order) < len(OURS):
        for name, service in OURS.items():
            if name not in order and service["depends_on"].keys() - OTHERS <= set(order):
                order.append(name)
    return order


async def test_the_roles_get_their_passwords_as_verifiers(prepared: Prepared) -> None:
    home, embedded = prepared.home, prepared.embedded
    secrets = home / SECRETS
    command = command_of(SERVICES["database"], prepared.here())
    done = await asyncio.to_thread(subprocess.run, command, cwd=home, check=True, timeout=60, capture_output=True)
    assert done.stdout == b"database interlock and its roles are there\n"
    connection = await asyncpg.connect(embedded.dsn())
    rows = await connection.fetch(
        "select rolname, rolpassword, rolsuper from pg_authid where starts_with(rolname, 'interlock')"
    )
    await connection.close()
    kept = {row["rolname"]: row["rolpassword"] for row in rows}
    assert not any(row["rolsuper"] for row in rows)
    for role in ("owner", "app"):
        salt = base64.b64decode(kept[f"interlock_{role}"].split(":")[1].partition("$")[0])
        assert kept[f"interlock_{role}"] == verifier((secrets / f"{role}_password").read_text(), salt)


def test_the_session_broker_is_of_the_same_settings(kafka: Kafka) -> None:
    ours = properties(HERE / "broker.properties")
    assert {name: kafka.broker.settings()[name] for name in ours} == ours
