"""The unit tests of app."""
