"""The HTTP service: routes, streams of events, documents, and the edge around them.

Others use: `access.OpenAccess`, `answers.refused`, `audit.Entry`, `audit.last_entries`,
`bind.Bind`, `bind.HOST`, `bind.LOOPBACK`, `door.Door`, `edge.Edge`, `key_file.Key`,
`key_file.KeyFile`, `key_file.KeyView`, `metrics.REGISTRY`, `server.listening`, `server.serving`,
`token_access.token_access`.
"""
