"""The contract tests of events."""
