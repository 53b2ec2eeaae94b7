"""The service tests of projections's recall index."""
