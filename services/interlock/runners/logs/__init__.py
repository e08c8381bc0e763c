"""Reads the logs of an environment: what is new since the last check, and what of it shows misbehaviour."""
