"""The contract tests of app."""
