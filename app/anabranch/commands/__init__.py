"""The commands as NATS request and reply."""
