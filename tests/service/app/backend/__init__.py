"""The service tests of app's backend."""
