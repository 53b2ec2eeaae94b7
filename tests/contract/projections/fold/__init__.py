"""The contract tests of projections's fold."""
