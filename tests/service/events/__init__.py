"""The service tests of events."""
