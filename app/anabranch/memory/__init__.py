"""The Python face: memories and sessions.

Others use: `memory.Memory`, `memory.namespace_of`, `namespaces.Namespaces`,
`namespaces.OpenNamespace`, `recall.recall`, `session.Session`.
"""
