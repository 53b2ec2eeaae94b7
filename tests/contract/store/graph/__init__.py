"""The contract tests of store's graph."""
