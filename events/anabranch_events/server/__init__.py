"""The managed nats-server, its folder and its tenants."""
