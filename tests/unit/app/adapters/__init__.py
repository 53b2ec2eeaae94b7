"""The unit tests of the adapters."""
