"""Thinking on a real nats-server."""
