"""The unit tests of app's cli."""
