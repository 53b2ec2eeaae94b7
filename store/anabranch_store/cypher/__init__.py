"""Cypher of users: read only and bounded."""
