"""The acceptance tests of app."""
