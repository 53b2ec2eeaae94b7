"""The service tests of app's commands."""
