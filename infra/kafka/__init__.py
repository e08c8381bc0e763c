"""A real Kafka broker here: fetched once, formatted, started, stopped, and for tests frozen and killed."""
