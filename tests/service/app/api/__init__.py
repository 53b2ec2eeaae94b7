"""The service tests of app's api."""
