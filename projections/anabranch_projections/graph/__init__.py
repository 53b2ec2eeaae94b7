"""The projection into the graph.

Others use: `projector.Projector`.
"""
