"""The contract tests of events's jetstream."""
