"""The unit tests of app's backend."""
