"""What every test may ask for: a real PostgreSQL."""

from __future__ import annotations

pytest_plugins = ["tests.fixtures.postgres"]
