"""The Python face: memories and sessions.

Others use: `graph.MemoryGraph`, `insights.get_insight`, `insights.update_insight`, `memory.Memory`,
`memory.namespace_of`, `namespaces.Namespaces`, `namespaces.OpenNamespace`, `past.MemoryPast`,
`recall.recall`, `session.Session`, `transfer.MemoryTransfer`.
"""
