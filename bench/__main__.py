"""Run the benches: `make bench`, or `python -m bench`. Each of them, as `python -m bench.desk`, takes options."""

from __future__ import annotations

from bench import desk, dt_start, projector, relay, visible

desk.main()
print()
dt_start.main()
print()
relay.main([])
print()
visible.main([])
print()
projector.main([])
