"""The service tests of store."""
