"""Events over HTTP: the last ones kept in a ring, and the streams that follow them.

Others use: `ring.EventRing`, `routes.EventRoutes`, `routes.LAST_EVENT_ID`, `streams.LINES`,
`streams.SSE`.
"""
