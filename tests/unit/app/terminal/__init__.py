"""The unit tests of app's terminal."""
