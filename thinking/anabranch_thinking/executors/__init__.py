"""Executors: the work of a branch, by a function, a command or recall."""
