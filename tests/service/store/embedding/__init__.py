"""The service tests of store's embedding."""
