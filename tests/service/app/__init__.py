"""The service tests of app."""
