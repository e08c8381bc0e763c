"""Where Kafka is and who asks: everything that a client needs to connect."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

# An answer that takes longer counts as none. aiokafka tries again by itself for as long as it is let.
REQUEST_MS: Final = 5_000
RETRY_MS: Final = 100
METADATA_AGE_MS: Final = 30_000

Security = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
MECHANISM: Final = "SCRAM-SHA-512"


@dataclass(frozen=True, slots=True)
class KafkaAddress:
    """The brokers to begin with, and how to prove who we are. A password is never shown.

    `authority` is a file with the certificates that the brokers' are signed by; without it, the system's.
    """

    servers: str
    security: Security = "PLAINTEXT"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    authority: Path | None = None

    def options(self, client: str) -> dict[str, Any]:
        """Return what every aiokafka client takes; `client` names it in the broker's log."""
        options: dict[str, Any] = {
            "bootstrap_servers": self.servers,
            "client_id": client,
            "request_timeout_ms": REQUEST_MS,
            "retry_backoff_ms": RETRY_MS,
            "metadata_max_age_ms": METADATA_AGE_MS,
            "security_protocol": self.security,
        }
        if self.security in {"SSL", "SASL_SSL"}:
            options["ssl_context"] = ssl.create_default_context(
                cafile=None if self.authority is None else self.authority
            )
        if self.security in {"SASL_PLAINTEXT", "SASL_SSL"}:
            options |= {
                "sasl_mechanism": MECHANISM,
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password,
            }
        return options
