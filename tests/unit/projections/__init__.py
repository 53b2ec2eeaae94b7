"""The unit tests of projections."""
