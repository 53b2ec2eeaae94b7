"""The unit tests of app's transfer."""
