"""Run the benches: `make bench`, or `python -m bench`. `python -m bench.desk` and `bench.ledger` take options each."""

from __future__ import annotations

from bench import desk, dt_start

desk.main()
print()
dt_start.main()
