"""The acceptance tests of app's commands of the command line."""
