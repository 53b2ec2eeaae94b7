"""The Python face: memories and sessions.

Others use: `graph.MemoryGraph`, `memory.Memory`, `memory.namespace_of`, `namespaces.Namespaces`,
`namespaces.OpenNamespace`, `past.MemoryPast`, `recall.recall`, `session.Session`,
`transfer.MemoryTransfer`.
"""
