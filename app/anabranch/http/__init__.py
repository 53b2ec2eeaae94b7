"""The HTTP service: routes, streams of events, documents, and the edge around them.

Others use: `door.Door`, `metrics.REGISTRY`.
"""
