"""One connection to a NATS server."""
