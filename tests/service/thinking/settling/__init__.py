"""The consolidator on a real log."""
