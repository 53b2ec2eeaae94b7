"""The HTTP service: routes, streams of events, documents, and the edge around them.

Others use: `audit.Entry`, `audit.last_entries`, `bind.Bind`, `door.Door`, `key_file.Key`,
`key_file.KeyFile`, `key_file.KeyView`, `metrics.REGISTRY`, `token_access.token_access`.
"""
