"""Joining what branches found."""
