"""Migrations: the release's, by id and digest, in stage as a rehearsal and in production as part of a deploy."""

from interlock.runners.ending import Ending
from interlock.runners.means import Means
from interlock.runners.migrating.configured import MIGRATE_ADDRESSES, Migrations, migrations_of
from interlock.runners.migrating.failures import (
    HalfApplied,
    MigrationRefused,
    OtherMigrations,
    ToolFailed,
)
from interlock.runners.migrating.locks import Lock
from interlock.runners.migrating.rehearsing import Rehearsal, Rehearsed, rehearse
from interlock.runners.migrating.running import Applied, SetFailed, check_set, migrate_set

__all__ = [
    "MIGRATE_ADDRESSES",
    "Applied",
    "Ending",
    "HalfApplied",
    "Lock",
    "Means",
    "MigrationRefused",
    "Migrations",
    "OtherMigrations",
    "Rehearsal",
    "Rehearsed",
    "SetFailed",
    "ToolFailed",
    "check_set",
    "migrate_set",
    "migrations_of",
    "rehearse",
]
