"""Tests of what the operations of the service have in common, without a server."""
