"""The service tests of projections's run."""
