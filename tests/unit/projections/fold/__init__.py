"""The unit tests of projections's fold."""
