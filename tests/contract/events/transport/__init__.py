"""The contract tests of events's transport."""
