"""The unit tests of app's demo."""
