"""Run the benches of the parts around the ledger: `python -m bench`. Each of them alone takes options.

What `make bench` runs, the comparisons side by side, is `bench/side_by_side`.
"""

from __future__ import annotations

from bench import dt_start, projector, relay, visible

dt_start.main()
print()
relay.main([])
print()
visible.main([])
print()
projector.main([])
