"""Thoughts over workers."""
