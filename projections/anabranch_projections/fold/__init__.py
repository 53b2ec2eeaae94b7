"""Events into rows: pure functions."""
