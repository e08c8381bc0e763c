"""How an answer looks, the same on every way out: in the HTTP API, and on Kafka's topic of outcomes."""
