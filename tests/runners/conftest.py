"""What the tests of runners ask for: a shop's database server, a shop, and a project that adjusts its data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.postgres import PostgresServer, elsewhere
from tests.fixtures.server import Served, config_text, serving
from tests.runners.deployable import DEVELOPERS, Places, placed
from tests.runners.laboratory import Laboratory, laboratory
from tests.runners.places import Place
from tests.runners.shop import Project, Shop, ShopServer, interlock_with_scratch, made_shop, shops
from tests.runners.two import Pair, TwoServers, two


@pytest.fixture(scope="session")
def shop_server() -> Iterator[ShopServer]:
    """The session's server for databases that are adjusted."""
    with shops() as server:
        yield server


@pytest.fixture(scope="session")
def two_servers(shop_server: ShopServer) -> Iterator[TwoServers]:
    """Production's server, and the other one."""
    with two(shop_server) as servers:
        yield servers


@pytest.fixture
def pair(two_servers: TwoServers) -> Iterator[Pair]:
    """A production and a stage of one's own."""
    with two_servers.pair() as made:
        yield made


@pytest.fixture(scope="session")
def shared_scratch(shop_server: ShopServer) -> Iterator[str]:
    """The database in which everybody rehearses: each rehearsal is rolled back."""
    yield shop_server.copy("shared_scratch")
    shop_server.drop("shared_scratch")


@pytest.fixture
def shop(shop_server: ShopServer, shared_scratch: str, tmp_path: Path) -> Iterator[Shop]:
    """A production of one's own, and the scratch database."""
    with made_shop(shop_server, tmp_path / "backups", shared_scratch) as made:
        yield made


@pytest.fixture(scope="session")
def still_shop(shop_server: ShopServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop for all tests that change nothing for good."""
    with made_shop(shop_server, tmp_path_factory.mktemp("still") / "backups") as made:
        yield made


@pytest.fixture(scope="session")
def interlock(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for all tests of runners, with a scratch database in its policy."""
    with interlock_with_scratch(postgres_server, tmp_path_factory.mktemp("interlock")) as served:
        yield served


@pytest.fixture
def project(interlock: Served, shop: Shop) -> Project:
    """The team, and the shop's databases registered."""
    return Project(interlock, shop).begin()


@pytest.fixture(scope="session")
def shared_places(
    postgres_server: PostgresServer, team_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Places]:
    """One server, and environments that are deployed to: each test deploys a release of its own."""
    home = tmp_path_factory.mktemp("places")
    elsewhere(postgres_server._copy("places", team_template))
    config = home / "server.toml"
    config.write_text(config_text(dsns=postgres_server.embedded.dsns("places")), encoding="utf-8")
    try:
        with serving(config, "--test-clock") as served, placed(served, home) as places:
            yield places
    finally:
        elsewhere(postgres_server._drop("places"))


@pytest.fixture
def places(shared_places: Places) -> Iterator[Places]:
    """The same, with nothing left over from the test before."""
    shared_places[DEVELOPERS].does()
    yield shared_places
    lease = shared_places.state().get("lease")
    if lease is not None:
        shared_places.served.later(minutes=16)
        shared_places.served["rm-1"].command("Annotate", {"target": 1, "kind": "remark", "text": "time goes by"})
    shared_places.mended()


@pytest.fixture
def place(interlock: Served, pair: Pair, tmp_path: Path) -> Place:
    """Production and the scratch database, on servers of their own."""
    return Place(interlock, pair, tmp_path).begin()


@pytest.fixture(scope="session")
def shared_laboratory(
    postgres_server: PostgresServer, team_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Laboratory]:
    """One server and one database of test data for all runs of tests."""
    with laboratory(postgres_server, team_template, tmp_path_factory.mktemp("laboratory")) as made:
        yield made


@pytest.fixture
def lab(shared_laboratory: Laboratory) -> Laboratory:
    """The same, free and without traces of the test before."""
    for name in ("it", "far", "go", "seen", "out/report.xml"):
        (shared_laboratory.home / name).unlink(missing_ok=True)
    if shared_laboratory.holder() is not None:
        # A test that failed left it so; the others shall not fail for that.
        shared_laboratory.expire()
    return shared_laboratory
