"""The unit tests of thinking's sessions."""
