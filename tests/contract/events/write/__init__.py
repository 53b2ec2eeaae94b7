"""The contract tests of events's write."""
