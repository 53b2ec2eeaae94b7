"""The unit tests of app's home."""
