"""Thinking without any server: states, syntheses, links, executors."""
