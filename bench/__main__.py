"""Run the benches: `make bench`, or `python -m bench`. Each of them, as `python -m bench.desk`, takes options."""

from __future__ import annotations

from bench import desk, dt_start, relay

desk.main()
print()
dt_start.main()
print()
relay.main([])
