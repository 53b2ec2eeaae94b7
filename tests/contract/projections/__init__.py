"""The contract tests of projections."""
