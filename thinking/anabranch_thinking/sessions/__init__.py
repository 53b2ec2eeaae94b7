"""Commands on sessions and insights."""
