"""The unit tests of store."""
