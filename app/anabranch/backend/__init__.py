"""An open log and graph, and the projections that fill it."""
