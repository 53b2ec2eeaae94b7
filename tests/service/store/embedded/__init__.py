"""The service tests of store's embedded."""
