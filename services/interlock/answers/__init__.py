"""How an answer looks, the same on every way out: in the HTTP API, on Kafka's topic of outcomes, to people."""
