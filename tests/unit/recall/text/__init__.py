"""The unit tests of recall."""
