"""What every test may ask for, and what holds for every one."""

from __future__ import annotations

pytest_plugins = [
    "tests.fixtures.conformance",
    "tests.fixtures.discipline",
    "tests.fixtures.spread",
    "tests.fixtures.postgres",
    "tests.fixtures.kafka",
    "tests.fixtures.server",
    "tests.fixtures.provider",
    "tests.fixtures.browser",
]
