"""The unit tests of the rules by which memory settles."""
