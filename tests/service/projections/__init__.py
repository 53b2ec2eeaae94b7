"""The service tests of projections."""
