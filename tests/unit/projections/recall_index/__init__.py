"""The unit tests of projections's recall index."""
