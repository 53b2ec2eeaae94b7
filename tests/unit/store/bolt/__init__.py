"""The unit tests of store's bolt."""
