"""The service tests of app's HTTP service."""
