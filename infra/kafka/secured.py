"""A broker that believes nobody: TLS on every listener, SCRAM for who asks, ACLs for what they may; denied otherwise.

The rights here are those that a deployment gives; docs/KAFKA.md lists them from this module's `RIGHTS`.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.kafka.broker import HOST, Broker, free_port, java

ADMIN: Final = "admin"
MECHANISM: Final = "SCRAM-SHA-512"
TOOL_SECONDS: Final = 120
CERTIFICATE_DAYS: Final = "30"


@dataclass(frozen=True, slots=True)
class Right:
    """What one user may do: operations on a resource, whose name begins with `name` where it is a prefix."""

    operations: tuple[str, ...]
    resource: str
    name: str
    prefixed: bool = False


def rights(prefix: str = "interlock") -> Mapping[str, tuple[Right, ...]]:
    """Return what each part of Interlock needs, and nothing more; topics are made by an administrator here."""
    look = ("Describe", "DescribeConfigs")
    return {
        "relay": (
            Right(("Write", *look, "Read"), "topic", f"{prefix}.events"),
            Right(("IdempotentWrite",), "cluster", "kafka-cluster"),
        ),
        "projector": (
            Right(("Read", *look), "topic", f"{prefix}.events"),
            Right(("Read",), "group", f"{prefix}.projector"),
        ),
        "intake": (
            Right(("Read", *look), "topic", f"{prefix}.intake", prefixed=True),
            Right(("Write", *look), "topic", f"{prefix}.outcomes"),
            Right(("Write", *look), "topic", f"{prefix}.dead-letter"),
            Right(("Read",), "group", f"{prefix}-intake"),
            Right(("IdempotentWrite",), "cluster", "kafka-cluster"),
        ),
        "reader": (
            Right(("Read", "Describe"), "topic", f"{prefix}.events"),
            Right(("Read",), "group", "reader.", prefixed=True),
        ),
    }


def secured_broker(directory: Path, passwords: Mapping[str, str]) -> Broker:
    """Return a broker, not started, that knows these users and ADMIN; its authority is `ca_of(directory)`."""
    _make_certificates(directory, passwords[ADMIN])
    port, controller = free_port(), free_port()
    login = "org.apache.kafka.common.security.scram.ScramLoginModule required"
    settings = {
        "listeners": f"CLIENTS://{HOST}:{port},CONTROLLER://{HOST}:{controller}",
        "controller.quorum.voters": f"1@{HOST}:{controller}",
        "listener.security.protocol.map": "CLIENTS:SASL_SSL,CONTROLLER:SSL",
        "sasl.enabled.mechanisms": MECHANISM,
        "sasl.mechanism.inter.broker.protocol": MECHANISM,
        "listener.name.clients.scram-sha-512.sasl.jaas.config": (
            f'{login} username="{ADMIN}" password="{passwords[ADMIN]}";'
        ),
        "ssl.keystore.type": "PKCS12",
        "ssl.keystore.location": str(keystore_of(directory)),
        "ssl.keystore.password": passwords[ADMIN],
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(ca_of(directory)),
        # The controller's listener knows no passwords: it takes only who has a certificate of ours.
        "listener.name.controller.ssl.client.auth": "required",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "false",
        "super.users": f"User:{ADMIN};User:CN=broker",
    }
    users = [
        part for user, password in passwords.items()
        for part in ("--add-scram", f"{MECHANISM}=[name={user},password={password}]")
    ]  # fmt: skip
    return Broker(directory, port=port, settings=settings, format_options=users)


def ca_of(directory: Path) -> Path:
    """Return the certificate of the authority that signed the broker's."""
    return directory / "ca.pem"


def give(broker: Broker, passwords: Mapping[str, str], given: Mapping[str, Sequence[Right]]) -> None:
    """Give users their rights, by Kafka's own tool, as an administrator does."""
    client = broker.directory / "admin.properties"
    client.write_text(client_properties(broker, ADMIN, passwords[ADMIN]), encoding="utf-8")
    for user, wanted in given.items():
        for right in wanted:
            named = [] if right.resource == "cluster" else [right.name]
            more = ["--resource-pattern-type", "prefixed"] if right.prefixed else []
            operations = [part for operation in right.operations for part in ("--operation", operation)]
            command = java(
                "org.apache.kafka.tools.AclCommand",
                *("--bootstrap-server", broker.address, "--command-config", str(client)),
                *("--add", "--allow-principal", f"User:{user}", *operations, f"--{right.resource}", *named, *more),
                options=("-XX:TieredStopAtLevel=1",),
            )
            subprocess.run(command, check=True, capture_output=True, timeout=TOOL_SECONDS)


def client_properties(broker: Broker, user: str, password: str) -> str:
    """Return the settings with which Kafka's own clients connect as `user`."""
    login = "org.apache.kafka.common.security.scram.ScramLoginModule required"
    return (
        f"security.protocol=SASL_SSL\nsasl.mechanism={MECHANISM}\n"
        f'sasl.jaas.config={login} username="{user}" password="{password}";\n'
        f"ssl.truststore.type=PEM\nssl.truststore.location={ca_of(broker.directory)}\n"
    )


def _make_certificates(directory: Path, password: str) -> None:
    """Make an authority, and a certificate of it for the broker; their keys lie beside the broker's data."""
    directory.mkdir(parents=True, exist_ok=True)
    key, request, made = (directory / name for name in ("broker.key", "broker.csr", "broker.pem"))
    authority_key = directory / "ca.key"
    extensions = directory / "broker.ext"
    extensions.write_text(
        f"subjectAltName=IP:{HOST},DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n", encoding="utf-8"
    )
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
    authority = ("-CA", ca_of(directory), "-CAkey", authority_key, "-CAcreateserial")
    subject, days = ("-subj", "/CN=interlock test authority"), ("-days", CERTIFICATE_DAYS)
    for arguments in (
        ("req", "-x509", *new, *usage, *subject, *days, "-keyout", authority_key, "-out", ca_of(directory)),
        ("req", *new, "-subj", "/CN=broker", "-keyout", key, "-out", request),
        ("x509", "-req", "-in", request, *authority, *days, "-extfile", extensions, "-out", made),
        (
            "pkcs12",
            "-export",
            "-in",
            made,
            "-inkey",
            key,
            "-out",
            keystore_of(directory),
            "-passout",
            f"pass:{password}",
        ),
    ):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=TOOL_SECONDS)


def keystore_of(directory: Path) -> Path:
    """Return the broker's own certificate and key, under its administrator's password."""
    return directory / "broker.p12"
