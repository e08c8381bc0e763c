"""interlock.toml: what a server needs to know. An unknown setting is refused, because it may be a misspelt one.

project = "demo"
policy = "weekend"                      # or "weekdays-free", or the path of a policy document (JSON)
data = ".interlock"                     # the embedded database's directory; lost with it: everything

[server]
host = "127.0.0.1"
port = 8787
url = "http://127.0.0.1:8787"           # where clients reach it
log = "text"                            # or "json": what it writes on stderr, an object a line
metrics_token = "env:INTERLOCK_METRICS_TOKEN"  # absent: /metrics is anybody's who reaches the server; it has no names

[database]                              # absent: the embedded PostgreSQL; lost: the server does not start
app = "env:INTERLOCK_DSN"               # role interlock_app
owner = "env:INTERLOCK_OWNER_DSN"       # role interlock_owner; absent: somebody else applies migrations

[kafka]                                 # absent: no Kafka; nothing is published, read models come from the ledger
servers = "127.0.0.1:9092"              # the brokers to begin with, comma between
topics = "interlock"                    # what the topics' names begin with
replicas = 1                            # how many brokers have each record; with 3, two must have it before it counts
partitions = 12                         # fixed when the topics are made
create_topics = true                    # false: somebody else makes them; they are compared all the same
security = "PLAINTEXT"                  # or "SSL", "SASL_PLAINTEXT", "SASL_SSL" (SCRAM-SHA-512)
user = "interlock"                      # with SASL
password = "env:INTERLOCK_KAFKA_PASSWORD"  # "env:NAME" or "file:PATH", never the password
authority = "ca.pem"                    # who signed the brokers' certificates; absent: whom the system trusts
own_topics = ["bot-1"]                  # services with a topic of their own, by the access list: interlock.intake.bot-1

[[founders]]                            # two of them; lost before the first start: the project cannot begin
principal = "admin-1"
enrolment = "sha256:…"                  # the digest of the one-time code, never the code
expires_at = 2026-12-01T00:00:00Z       # absent: ENROLMENT_DAYS after the project's beginning

[environments.production]               # for `dt`'s runners; a server does not read it
[notify]                                # endpoints that `dt notify` adds
loopback = false                        # true: they may be on this very machine
authority = "ca.pem"                    # who signed their certificates; absent: whom the system trusts

[sign_in]                               # who looks at pages; absent: by personal token, with the times below
hours = 12                              # how long a session lasts
idle_minutes = 60                       # and how long while nobody does anything
fresh_minutes = 15                      # how old a proof of who one is may be where somebody approves or verifies
plain_http = false                      # true: also over http from other machines, where everybody on the way can read

[sign_in.oidc]                          # absent: no identity provider
issuer = "https://login.example.org"    # exactly as the provider says it of itself
client = "interlock"                    # as whom we ask; it sends browsers back to [server] url + /sign-in/back
secret = "env:INTERLOCK_OIDC_SECRET"    # "env:NAME" or "file:PATH"; absent: a public client
claim = "sub"                           # whose value says which principal it is: one that is never given to another
principals = { "8f14e45f" = "qa-1" }    # absent: the claim's value is the principal's id
scopes = ["openid"]
algorithms = ["RS256"]                  # how its statements are signed: also PS256, ES256, Ed25519
name = "Example's sign-in"              # what the button says
authority = "ca.pem"                    # who signed its certificate; absent: whom the system trusts

[logs.production]                       # likewise, as [tests], [repositories], [content], [authors], [feeds]
[commands]                              # likewise
"""

from __future__ import annotations

import json
import tomllib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from interlock.domain.policy import NotAPolicy, parse, shipped
from interlock.events.values import Digest, Instant, Name, PrincipalId
from interlock.identity.id_tokens import Algorithm
from interlock.identity.provider import safe_issuer
from interlock.serve.refusals import CannotStart

CONFIG_NAME: Final = "interlock.toml"
PORT_DEFAULT: Final = 8787
PORT_MAX: Final = 65_535
ENROLMENT_DAYS: Final = 7
SHIPPED_POLICIES: Final[tuple[Literal["weekend", "weekdays-free"], ...]] = ("weekend", "weekdays-free")
FOUNDERS: Final = 2
REPLICAS_MAX: Final = 9
PARTITIONS_MAX: Final = 10_000


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Server(_Closed):
    """Where it listens (port 0: any free one), and where clients reach it."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=PORT_MAX)] = PORT_DEFAULT
    url: str | None = None
    log: Literal["text", "json"] = "text"
    metrics_token: Annotated[str, Field(pattern="^(env|file):.+")] | None = None


class Database(_Closed):
    """A PostgreSQL of one's own, by reference: "env:NAME", "file:PATH", or an address without a password."""

    app: str
    owner: str | None = None


class Kafka(_Closed):
    """Where Kafka is, what the topics are like, and how to prove who we are."""

    servers: Annotated[str, Field(min_length=1)]
    topics: Name = "interlock"
    replicas: Annotated[int, Field(ge=1, le=REPLICAS_MAX)] = 1
    partitions: Annotated[int, Field(ge=1, le=PARTITIONS_MAX)] = 12
    create_topics: bool = True
    security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    user: str | None = None
    password: Annotated[str, Field(pattern="^(env|file):.+")] | None = None
    authority: Path | None = None
    own_topics: tuple[PrincipalId, ...] = ()

    @model_validator(mode="after")
    def _who(self) -> Self:
        if self.security.startswith("SASL") != (self.user is not None and self.password is not None):
            raise ValueError("user and password belong to SASL, both of them, and to nothing else")
        return self


class Notify(_Closed):
    """What may be told outside, and whose certificates count."""

    loopback: bool = False
    authority: Path | None = None


class Oidc(_Closed):
    """An identity provider, and which of its claims names a principal. `secret` is a reference."""

    issuer: Annotated[str, Field(max_length=300)]
    client: Annotated[str, Field(min_length=1, max_length=200)]
    secret: Annotated[str, Field(pattern="^(env|file):.+")] | None = None
    claim: Annotated[str, Field(pattern="^[a-zA-Z0-9_:/.-]{1,100}$")] = "sub"
    principals: dict[str, PrincipalId] = Field(default_factory=dict)
    scopes: tuple[Annotated[str, Field(pattern="^[!-~]{1,100}$")], ...] = ("openid",)
    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1)] = ("RS256",)
    name: Annotated[str, Field(min_length=1, max_length=60)] = "the identity provider"
    authority: Path | None = None

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if not safe_issuer(self.issuer):
            raise ValueError("issuer is an address over https (on this machine http will do), without ? and #")
        if "openid" not in self.scopes:
            raise ValueError('scopes hold "openid": without it there is no statement of who signed in')
        return self


class SignIn(_Closed):
    """How people sign in to pages, and for how long."""

    hours: Annotated[int, Field(ge=1, le=24 * 7)] = 12
    idle_minutes: Annotated[int, Field(ge=1, le=24 * 60)] = 60
    fresh_minutes: Annotated[int, Field(ge=1, le=24 * 60)] = 15
    plain_http: bool = False
    oidc: Oidc | None = None


class Founder(_Closed):
    """One of the two first administrators, and the digest of the code by which they enrol."""

    principal: PrincipalId
    enrolment: Digest
    expires_at: Instant | None = None


class Settings(_Closed):
    """The whole file; `home` is its directory, which relative paths are meant from."""

    project: Name
    policy: str = SHIPPED_POLICIES[0]
    data: Path = Path(".interlock")
    server: Server = Server()
    database: Database | None = None
    kafka: Kafka | None = None
    founders: tuple[Founder, ...]
    environments: dict[str, dict[str, Any]] = Field(default_factory=dict)
    notify: Notify = Notify()
    sign_in: SignIn = SignIn()
    logs: dict[str, Any] = Field(default_factory=dict)
    commands: dict[str, Any] = Field(default_factory=dict)
    tests: dict[str, Any] = Field(default_factory=dict)
    repositories: dict[str, Any] = Field(default_factory=dict)
    content: dict[str, Any] = Field(default_factory=dict)
    authors: dict[str, Any] = Field(default_factory=dict)
    feeds: dict[str, Any] = Field(default_factory=dict)
    home: Path = Path()

    @field_validator("founders")
    @classmethod
    def _two_persons(cls, founders: tuple[Founder, ...]) -> tuple[Founder, ...]:
        if len({founder.principal for founder in founders}) != FOUNDERS or len(founders) != FOUNDERS:
            raise ValueError("a project begins with two different founders")
        return founders

    @property
    def data_directory(self) -> Path:
        """Where the embedded database lives."""
        return (self.home / self.data).resolve()

    def policy_document(self) -> dict[str, Any]:
        """Return the policy that the project begins with. Raises CannotStart where it is none."""
        for name in SHIPPED_POLICIES:
            if self.policy == name:
                return shipped(name)
        path = self.home / self.policy
        try:
            document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            parse(document)
        except OSError as missing:
            raise CannotStart(
                f"policy {self.policy!r}",
                f"it is neither shipped nor a file that can be read ({missing})",
                f"name {' or '.join(SHIPPED_POLICIES)}, or a policy document's path",
            ) from missing
        except (ValueError, NotAPolicy) as wrong:
            raise CannotStart(
                f"policy {path}", str(wrong), "correct the document; `dt policy show` prints a valid one"
            ) from wrong
        return document


def load(path: Path, **changed: Any) -> Settings:
    """Return the settings in `path`; what is `changed` (data, host, port, kafka) wins. Raises CannotStart."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as missing:
        raise CannotStart(f"{path}", "there is no such file", "`dt init` makes one") from missing
    except (OSError, ValueError) as wrong:
        raise CannotStart(f"{path}", str(wrong), "correct the file") from wrong
    if "home" in document:
        raise CannotStart(f"{path}", "home: there is no such setting", "remove it")
    server = document.get("server", {})
    if isinstance(server, dict):
        given = {name: changed[name] for name in ("host", "port") if changed.get(name) is not None}
        document["server"] = {**server, **given}
    kafka = document.get("kafka", {})
    if changed.get("kafka") is not None and isinstance(kafka, dict):
        document["kafka"] = {**kafka, "servers": changed["kafka"]}
    if changed.get("data") is not None:
        document["data"] = Path(changed["data"]).resolve()
        document.pop("database", None)
    try:
        return Settings(**document, home=path.resolve().parent)
    except ValidationError as wrong:
        raise CannotStart(
            f"{path}", _in_words(wrong), "correct the file; an unknown setting may be a misspelt one"
        ) from wrong


def _in_words(wrong: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(str(part) for part in each['loc'])}: {each['msg'].removeprefix('Value error, ')}"
        for each in wrong.errors(include_url=False)
    )


def expiry(founder: Founder, begins: datetime) -> datetime:
    """Return until when the founder's code serves, for a project that begins at `begins`."""
    return founder.expires_at or begins + timedelta(days=ENROLMENT_DAYS)
