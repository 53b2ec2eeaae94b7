"""The service tests of projections's vectors."""
