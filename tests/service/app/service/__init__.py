"""Tests of the service of `up`, without its processes."""
