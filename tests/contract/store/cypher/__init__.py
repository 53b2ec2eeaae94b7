"""The contract tests of store's cypher."""
