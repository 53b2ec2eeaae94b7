"""The HTTP service: routes, streams of events, documents, and the edge around them.

Others use: `answers.refused`, `door.Door`, `edge.Edge`, `metrics.REGISTRY`, `server.listening`,
`server.serving`.
"""
