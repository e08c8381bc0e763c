"""Settings and wiring: the only place that builds objects, and the only one with real clocks and randomness."""
