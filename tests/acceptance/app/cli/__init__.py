"""The acceptance tests of app's cli."""
