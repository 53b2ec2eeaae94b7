"""The contract tests of events's read."""
