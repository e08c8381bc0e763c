"""What a decision looks at: everything in one project that is still open, and nothing that is over.

Only what a rule reads is here; what people want to see belongs in a projection. Positions are the
ledger's. Nothing here is changed in place: `evolve` makes a new one.
"""
# Long: one table of nouns without behaviour: nearly every rule reads several, and all are one state.

from __future__ import annotations

from dataclasses import field
from datetime import datetime, timedelta
from typing import Any, Literal

from interlock.events.catalogue.parts import AdjustmentPlan, Artifact, Identity, Migration
from interlock.events.catalogue.problem import ProblemSource
from interlock.events.catalogue.team import PrincipalKind
from interlock.events.fact import fact
from interlock.events.values import Intent, LeaseKind, Purpose, ReleaseKind, Severity, Trigger

OCCUPANTS_KEPT_MAX = 12
REPORTS_KEPT_MAX = 50
ANNOTATIONS_KEPT_MAX = 50
REFUSAL_REPEATS_WITHIN = timedelta(hours=1)

ReleaseState = Literal["open", "completed", "superseded", "withdrawn"]


@fact
class Content:
    """What a release is made of; `authors` wrote its commits or set it."""

    digest: str
    artifacts: tuple[Artifact, ...]
    contains: frozenset[str]
    migrations: tuple[Migration, ...]
    adds_functionality: bool
    new_tests: tuple[str, ...]
    fixes: tuple[str, ...]
    authors: frozenset[str]
    position: int


@fact
class Verdict:
    """What somebody, or a test run, found: good or not, when, by whom, in which environment's state."""

    good: bool
    by: str
    position: int
    at: datetime
    areas: tuple[str, ...] = ()
    ran: tuple[str, ...] = ()
    summary: str | None = None


@fact
class DeployRequest:
    """A deploy that was asked for and has not started."""

    deploy: str
    release: str
    environment: str
    content: str
    intent: Intent
    at_window: bool
    requested_by: str
    position: int
    expires_at: datetime
    ready_from: datetime | None = None
    ready: bool = False
    problem: str | None = None
    second_person: str | None = None


@fact
class Release:
    """One release. Its evidence is about its present content only; `tried` is what last started in production."""

    name: str
    kind: ReleaseKind
    opened_by: str
    affected_areas: tuple[str, ...]
    policy_version: int
    opened_at: datetime
    position: int
    state: ReleaseState = "open"
    problem: str | None = None
    content: Content | None = None
    frozen: bool = False
    tried: str | None = None
    developed: Verdict | None = None
    hotfix_confirmed: Verdict | None = None
    reached: dict[str, int] = field(default_factory=dict)
    tests: Verdict | None = None
    manual_qa: Verdict | None = None
    held: str | None = None
    held_since: datetime | None = None
    setters: frozenset[str] = frozenset()

    @property
    def authors(self) -> frozenset[str]:
        """Who opened it, set its content or wrote its commits."""
        written = self.content.authors if self.content is not None else frozenset()
        return written | self.setters | {self.opened_by}

    @property
    def open(self) -> bool:
        """Whether it may still go on."""
        return self.state == "open"


@fact
class Occupant:
    """The release that an environment holds, with the content that was observed there.

    A declared base has a name too. `fixes` and `migrations` are kept for the day it is rolled back. Where it is
    `untold`, only its release's stream tells them: two persons stated it, or it was over and forgotten when it came.
    """

    release: str
    content: str
    position: int
    since: datetime
    deploy: str | None = None
    fixes: tuple[str, ...] = ()
    migrations: tuple[Migration, ...] = ()
    deployable: bool = True
    untold: bool = False


@fact
class ProductionMark:
    """The state of production that a rehearsal is bound to: whatever was found before it is out of date.

    `started` is the position of the last deploy or rollback that did not report `unchanged`
    (its start, and once it succeeded, its end), `settled` the last time it became unsure or was
    confirmed, `at` the later one's time.
    """

    started: int = 0
    settled: int = 0
    at: datetime | None = None
    schema_digest: str | None = None


@fact
class Work:
    """What an activity does, to know its retry when it sees one."""

    kind: LeaseKind
    release: str | None = None
    content: str | None = None
    intent: Intent | None = None
    source: str | None = None
    fixes: tuple[str, ...] = ()
    migrations: tuple[Migration, ...] = ()
    untold: bool = False


@fact
class Lease:
    """The one activity that holds the environment. `adjustment` is the one that is rehearsed or executed under it."""

    lease: str
    kind: LeaseKind
    holder: str
    subject: str
    token: int
    granted_at: datetime
    renewed_at: datetime
    expires_at: datetime
    position: int
    work: Work
    identity: Identity | None = None
    schema_digest: str | None = None
    adjustment: str | None = None

    @property
    def activity(self) -> str:
        """What holds it, as in "restore S-3"."""
        return " ".join(self.subject.split()[:2])


@fact
class Deploy:
    """A deploy that runs; `before` is what to give back when it reports `unchanged`."""

    deploy: str
    release: str
    content: str
    intent: Intent
    started: int
    started_by: str
    purpose: Purpose
    fixes: tuple[str, ...]
    migrations: tuple[Migration, ...]
    before: Occupant | None
    mark_before: ProductionMark
    unsure_before: Unsure | None = None
    problem: str | None = None
    was_frozen: bool = False
    left: tuple[str, ...] = ()
    untold: bool = False


@fact
class Unsure:
    """Nobody knows for certain what is there; `work` may be tried again, unless something else `disturbed` it."""

    position: int
    since: datetime
    cause: str
    work: Work | None = None
    disturbed: bool = False
    mark_before: ProductionMark | None = None
    occupant_before: Occupant | None = None

    @property
    def retriable(self) -> Work | None:
        """The work whose retry ends the uncertainty; None where two persons must say what is there."""
        return None if self.disturbed else self.work


@fact
class TestRun:
    """A run of the automatic tests; `throughout` is the occupant that it is a verdict on."""

    __test__ = False

    run: str
    trigger: Trigger
    position: int
    release: str | None
    content: str | None
    started_by: str


@fact
class Restore:
    """A restore that worked: from where, and how old the data is."""

    restore: str
    source: str
    taken_at: datetime
    position: int
    by: str
    schema_digest: str | None = None


@fact
class Data:
    """The environment's data: what it is a copy of, and whether it is to be trusted."""

    restored: Restore | None = None
    erased_at: int | None = None
    erased: bool = False
    corrupt: str | None = None
    feed: str | None = None
    volume_percent: int = 100


@fact
class Rehearsal:
    """Review, restore, migration and core test of one stage deploy, in this order."""

    release: str
    content: str
    deploy: str
    position: int
    review: Verdict | None = None
    restore: Restore | None = None
    migration: Verdict | None = None
    core: Verdict | None = None


@fact
class Freeze:
    """No start here from `since` to `until` (open where None)."""

    reason: str
    by: str
    position: int
    since: datetime | None = None
    until: datetime | None = None


@fact
class Environment:
    """One environment's present state.

    `finished` are the last reports as "D-17 succeeded", so that one sent twice is known again;
    `lost` the activities whose lease ended without a report; `late_reports` what was observed.
    """

    name: str
    identity: Identity | None = None
    occupant: Occupant | None = None
    unsure: Unsure | None = None
    empty_base: bool = False
    based: bool = False
    mixed: bool = False
    lease: Lease | None = None
    token: int = 0
    deploy: Deploy | None = None
    run: TestRun | None = None
    data: Data = field(default_factory=Data)
    rehearsal: Rehearsal | None = None
    freeze: Freeze | None = None
    mark: ProductionMark = field(default_factory=ProductionMark)
    history: tuple[Occupant, ...] = ()
    logs_from: datetime | None = None
    logs_missed: datetime | None = None
    fulfilled_day: str | None = None
    missed_day: str | None = None
    late_reports: tuple[str, ...] = ()
    finished: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()

    @property
    def last_sure(self) -> Occupant | None:
        """The last occupant that was sure, whether it is there now or not."""
        return self.occupant or (self.history[-1] if self.history else None)

    @property
    def never_used(self) -> bool:
        """Whether it was declared empty and nothing was ever sure to be here since."""
        return self.empty_base and not self.history


@fact
class Problem:
    """One open problem. `failed_deploy` marks the failure of a production deploy."""

    problem: str
    environment: str
    title: str
    severity: Severity
    source: ProblemSource
    since: datetime
    react_by: datetime
    position: int
    release: str | None = None
    reporter: str | None = None
    failed_deploy: str | None = None
    acknowledged: bool = False
    overdue: bool = False
    open: bool = True


@fact
class AdjustmentRehearsal:
    """The latest rehearsal of the present plan: good or not, and what its data and schema were."""

    good: bool
    position: int
    by: str
    at: datetime
    environment: str
    rows: int = 0
    data_taken_at: datetime | None = None
    schema_digest: str | None = None


@fact
class AdjustmentVerification:
    """One verifier's latest word on the present plan."""

    good: bool
    by: str
    position: int
    at: datetime
    reason: str | None = None


@fact
class Authorization:
    """The present plan may be executed by this operator until then."""

    position: int
    at: datetime
    operator: str
    valid_until: datetime


@fact
class AdjustmentAttempt:
    """An execution under way, or one whose outcome is unknown. `started` is where it may have been committed.

    `rows`, `before` and `after` are what the commit was decided with.
    """

    lease: str
    token: int
    operator: str
    position: int
    backup: str | None = None
    started: int | None = None
    marker: str | None = None
    rows: int = 0
    before: str | None = None
    after: str | None = None
    unknown: bool = False


AdjustmentState = Literal["open", "executed", "disputed", "checked", "reverted", "cancelled", "expired"]


@fact
class Adjustment:
    """One adjustment of data. `requesters` asked for it or amended it; words are about the present plan only."""

    adjustment: str
    plan: AdjustmentPlan
    bound_digest: str
    requesters: frozenset[str]
    position: int
    requested_at: datetime
    planned: int
    expires_at: datetime
    policy_version: int
    state: AdjustmentState = "open"
    reverts: str | None = None
    rehearsal: AdjustmentRehearsal | None = None
    verifications: dict[str, AdjustmentVerification] = field(default_factory=dict)
    authorization: Authorization | None = None
    attempt: AdjustmentAttempt | None = None
    executed_by: str | None = None
    executed: int | None = None

    @property
    def open(self) -> bool:
        """Whether somebody must still look at it: until its result is checked, or it is over."""
        return self.state in {"open", "executed", "disputed"}


@fact
class Credential:
    """What a secret's digest proves."""

    credential: str
    principal: str
    secret_digest: str
    purpose: Literal["token", "enrolment", "signing"]
    scopes: tuple[str, ...]
    expires_at: datetime


@fact
class Principal:
    """A person, a service or an agent."""

    id: str
    kind: PrincipalKind
    roles: frozenset[str] = frozenset()
    active: bool = True


@fact
class Designation:
    """One person, and perhaps a deputy until a moment: one at any instant."""

    principal: str
    deputy: str | None = None
    deputy_until: datetime | None = None

    def at(self, now: datetime) -> str:
        """Who it is at `now`."""
        if self.deputy is not None and self.deputy_until is not None and now < self.deputy_until:
            return self.deputy
        return self.principal


@fact
class Team:
    """Who is there, what each may do, and what proves it."""

    founders: tuple[str, ...] = ()
    principals: dict[str, Principal] = field(default_factory=dict)
    credentials: dict[str, Credential] = field(default_factory=dict)
    by_secret: dict[str, str] = field(default_factory=dict)
    owners: dict[str, Designation] = field(default_factory=dict)
    operators: dict[str, Designation] = field(default_factory=dict)

    def holding(self, *roles: str) -> tuple[str, ...]:
        """Active principals that hold one of `roles`, by id."""
        wanted = set(roles)
        return tuple(sorted(p.id for p in self.principals.values() if p.active and p.roles & wanted))

    def persons_holding(self, *roles: str) -> tuple[str, ...]:
        """Active persons that hold one of `roles`, by id."""
        return tuple(p for p in self.holding(*roles) if self.principals[p].kind == "person")

    def credential_for(self, secret_digest: str) -> Credential | None:
        """The credential that a secret's digest belongs to."""
        name = self.by_secret.get(secret_digest)
        return self.credentials.get(name) if name is not None else None


@fact
class Ask:
    """Something for which a second person is needed."""

    ask: str
    action: str
    command_type: str
    command: dict[str, Any]
    bound_digest: str
    asked_by: str
    until: datetime
    position: int


@fact
class Proposal:
    """A policy that waits for a second person."""

    version: int
    document: dict[str, Any]
    document_digest: str
    proposed_by: str
    position: int


@fact
class PastRefusal:
    """A refusal of the last hour, to be repeated instead of stored again."""

    position: int
    at: datetime


@fact
class Situation:
    """One project, as decisions see it, after the event at `position`."""

    project: str = ""
    position: int = 0
    recorded_at: datetime | None = None
    policy_version: int = 0
    policies: dict[int, dict[str, Any]] = field(default_factory=dict)
    policies_seen: int = 0
    proposals: dict[int, Proposal] = field(default_factory=dict)
    releases: dict[str, Release] = field(default_factory=dict)
    requests: dict[str, DeployRequest] = field(default_factory=dict)
    environments: dict[str, Environment] = field(default_factory=dict)
    problems: dict[str, Problem] = field(default_factory=dict)
    adjustments: dict[str, Adjustment] = field(default_factory=dict)
    team: Team = field(default_factory=Team)
    asks: dict[str, Ask] = field(default_factory=dict)
    refusals: dict[str, PastRefusal] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    rolled_back: frozenset[str] = frozenset()
    annotations: tuple[str, ...] = ()
    opened_at: datetime | None = None
    # Where a restored ledger ends, until two persons let it take commands.
    restored: int | None = None
    # Where the ledger goes on, once it moved; there, until two persons let it take commands.
    moved: str | None = None

    def version_of(self, stream: str) -> int:
        """The stream's last version, 0 where it has none, or where it is over and was not loaded."""
        return self.versions.get(stream, 0)

    def environment(self, name: str) -> Environment:
        """The environment's state; a blank one before anything happened there."""
        return self.environments.get(name) or Environment(name=name)


EMPTY = Situation()
