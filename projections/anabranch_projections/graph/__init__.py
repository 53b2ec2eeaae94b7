"""The projection into the graph."""
