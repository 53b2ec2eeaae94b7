"""The contract tests of events's event."""
