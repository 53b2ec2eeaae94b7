"""The unit tests of store's embedding."""
