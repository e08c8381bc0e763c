"""Production is never restored into, whatever a file says; nor is a database that is not what it claims to be."""

from __future__ import annotations

from dataclasses import replace

import asyncpg
import pytest

from interlock.events.canonical import digest_of_bytes
from interlock.events.catalogue.parts import Identity
from interlock.events.codec import plain
from interlock.runners.failures import Refused, UnfitSession, WrongDatabase
from interlock.runners.restoring import (
    Impossible,
    Registered,
)
from tests.runners.places import Place
from tests.runners.shop import granted_in
from tests.runners.two import INFRA, TwoServers

DUMP_ROLE = (INFRA / "dump-role.sql").read_text()


async def test_production_is_no_target_whatever_interlock_toml_says(place: Place) -> None:
    swapped = place.restoring(target=replace(place.pair.connection("production"), environment="scratch"))
    with pytest.raises(WrongDatabase, match="gives as scratch is production"):
        await place.restore(swapped)
    # As it would be with the postgres superuser.
    with pytest.raises(WrongDatabase):
        await place.restore(
            place.restoring(target=replace(place.pair.connection("production", "postgres"), environment="scratch"))
        )
    # Nothing was asked: nothing is recorded, and production is as it was.
    assert place.last("LeaseGranted").get("observed", {}).get("identity") != plain(place.identities["production"])
    assert place.pair.rows("production", "select count(*) from shop.orders") == [(300,)]


async def test_a_report_that_is_not_kept_is_not_taken(place: Place) -> None:
    observed = {"identity": plain(place.identities["scratch"])}
    fields = {"environment": "scratch", "source": "production", "observed": observed}
    lease = granted_in(place.served["ci-1"].command("StartRestore", fields))
    named = {"environment": "scratch", "restore": lease["subject"].split()[1], "fencing_token": lease["fencing_token"]}
    said = {"snapshot": "s", "taken_at": "2026-11-01T00:00:00Z", "report": digest_of_bytes(b"nothing")}
    problem = place.served.refused("ci-1", "ReportRestored", {**named, **said})
    assert "put the evidence first" in problem["detail"]
    place.served["ci-1"].command("ReportRestoreFailed", {**named, "error": "given up"})


async def test_policy_refuses_production_and_what_comes_out_of_the_owners_sandbox(place: Place) -> None:
    """Asked as it is: the runner never gets so far, because Interlock answers first."""
    observed = {"identity": plain(place.identities["production"])}
    cases = [{"environment": "production", "source": "stage"}, {"environment": "scratch", "source": "sandbox-anton"}]
    for fields in cases:
        problem = place.served.refused("ci-1", "StartRestore", {**fields, "observed": observed})
        failed = [check["check"] for check in problem["decision"]["checks"] if check["state"] == "failed"]
        assert "restore-source-allowed" in failed


async def test_the_role_that_restores_cannot_enter_production(two_servers: TwoServers, place: Place) -> None:
    """On the same server the role exists, and dump-role.sql has shut it out; where it did not, the runner stops."""
    server, database = two_servers.stage, f"{place.pair.stage}_p"
    two_servers.admin(server, "postgres", f"create database {database}")
    try:
        near = replace(place.identities["production"], database=database)
        near = replace(near, system_identifier=place.identities["scratch"].system_identifier)
        source = replace(place.restoring().source, dsn=server.dsn(database, "postgres"))
        registered = Registered({**place.identities, "production": near}, "production")
        with pytest.raises(Impossible, match=r"may enter production's database .* dump-role\.sql"):
            await place.restore(place.restoring(source=source), registered=registered)
        two_servers.admin(server, database, DUMP_ROLE)
        with pytest.raises(asyncpg.PostgresError, match="permission denied"):
            async with server.session("interlock_restore", database):
                pass
        async with server.session("interlock_dump", database) as session:
            with pytest.raises(asyncpg.PostgresError):
                await session.execute("create table public.mine ()")
        source = replace(source, dsn=server.dsn(database, "interlock_dump"))
        await place.restore(place.restoring(source=source), registered=registered)
    finally:
        server.drop(database)


async def test_a_target_that_is_not_what_it_claims_is_left_alone(place: Place) -> None:
    other = Identity(system_identifier="1", database=place.pair.stage)
    registered = Registered({**place.identities, "scratch": other}, "production")
    with pytest.raises(WrongDatabase, match="is registered"):
        await place.restore(registered=registered)
    with pytest.raises(Impossible, match="dt env register scratch"):
        await place.restore(registered=Registered({"production": place.identities["production"]}, "production"))
    # Also where only Interlock knows better.
    place.served.by_two("RegisterEnvironment", {"environment": "scratch", "identity": plain(other)})
    with pytest.raises(Refused, match="environment-identified"):
        await place.restore()
    assert place.pair.rows("stage", "select to_regclass('shop.old') is not null") == [(True,)]
    # What was refused once is asked anew.
    place.begin()
    await place.restore()


async def test_a_role_that_does_not_own_the_target_is_refused_before_anything(place: Place) -> None:
    target = replace(place.pair.connection("stage", "interlock_adjust"), environment="scratch")
    with pytest.raises(UnfitSession, match=r"restore-role\.sql"):
        await place.restore(place.restoring(target=target))
