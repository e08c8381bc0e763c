"""4.11.2: two tests are red, which new content mends; then a migration fails in stage, and its data with it."""

from __future__ import annotations

from interlock.cli.demo.cast import PRODUCTION, SANDBOX, STAGE
from interlock.cli.demo.contents import R4_11_2, R4_11_2_MENDED
from interlock.cli.demo.playing import Play
from interlock.cli.demo.steps import (
    approve_in_sandbox,
    approve_in_stage,
    declare,
    deploy,
    deploy_to_tests,
    develop,
    fail_migration,
    migrate,
    observed,
    restore,
    review,
    run_tests,
)

RELEASE = R4_11_2.release


def play(play: Play) -> None:
    """From Monday to Friday evening, when it is queued for Saturday."""
    red_tests(play)
    green_tests(play)
    migration_fails(play)
    migration_passes(play)
    play.at("11-20 16:30")
    # The window alone is missing, so the request may wait for it.
    play.do("dora", "RequestDeploy", release=RELEASE, environment=PRODUCTION, at_window=True)


def red_tests(play: Play) -> None:
    """The first content does not pass."""
    play.at("11-16 10:00")
    areas = ["positions", "reports"]
    play.do("dora", "OpenRelease", name=RELEASE, kind="normal", title="Fills by day", affected_areas=areas)
    declare(play, R4_11_2, who="dora")
    play.later(minutes=10)
    develop(play, R4_11_2)
    play.at("11-16 14:00")
    deploy_to_tests(play, R4_11_2)
    run_tests(play, failed=("tests.test_positions.test_fills_across_midnight", "tests.test_reports.test_day_totals"))
    play.later(minutes=5)
    play.refused("dora", "RequestDeploy", release=RELEASE, environment=SANDBOX, because="tests-passed")


def green_tests(play: Play) -> None:
    """What was proved about the old content does not hold for the new one: it begins at the beginning."""
    play.at("11-17 09:00")
    declare(play, R4_11_2_MENDED, who="dora")
    develop(play, R4_11_2_MENDED)
    play.at("11-17 10:30")
    deploy_to_tests(play, R4_11_2_MENDED)
    run_tests(play)
    play.at("11-18 09:20")
    deploy(play, RELEASE, SANDBOX, who="dora")
    play.at("11-18 15:40")
    approve_in_sandbox(play, RELEASE, "qa-2")


def migration_fails(play: Play) -> None:
    """On as much data as production has, the migration does not get its lock in time."""
    play.at("11-19 09:00")
    deploy(play, RELEASE, STAGE, who="dora")
    play.at("11-19 10:15")
    review(play, R4_11_2_MENDED, since="4.11.1")
    play.at("11-19 10:30")
    restore(play)
    play.later(minutes=5)
    # Somebody looks at the orders there, and does not end what he began.
    fail_migration(play, R4_11_2_MENDED, table_in_use="trades.orders")
    play.later(minutes=10)
    # Nobody knows what the half of it left behind: the data is restored first.
    play.refused(
        "ci-1",
        "StartMigration",
        release=RELEASE,
        environment=STAGE,
        observed=observed(play, STAGE),
        because="restored-after-deploy",
    )


def migration_passes(play: Play) -> None:
    """A new restore, and this time it gets its lock."""
    play.at("11-19 13:00")
    restore(play)
    play.later(minutes=5)
    migrate(play, R4_11_2_MENDED)
    play.at("11-20 11:00")
    approve_in_stage(play, RELEASE, "qa-1", "reports")
