"""The unit tests of store's cypher."""
