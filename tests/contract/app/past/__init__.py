"""The contract tests of app's past."""
