"""The unit tests of app's HTTP service."""
