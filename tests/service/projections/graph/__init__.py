"""The service tests of projections's graph."""
