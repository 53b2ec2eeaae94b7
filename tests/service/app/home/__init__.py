"""The service tests of app's home."""
