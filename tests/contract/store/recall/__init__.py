"""The contract tests of store's recall."""
