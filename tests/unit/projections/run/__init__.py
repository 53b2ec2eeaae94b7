"""The unit tests of projections's run."""
