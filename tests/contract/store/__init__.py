"""The contract tests of store."""
