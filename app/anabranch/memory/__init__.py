"""The Python face: memories and sessions.

Others use: `consolidation.consolidate`, `consolidation.synthesise`, `context.context`,
`cypher.cypher`, `cypher.cypher_alone`, `graph.MemoryGraph`, `memory.Memory`, `memory.namespace_of`,
`namespaces.Namespaces`, `namespaces.OpenNamespace`, `past.MemoryPast`, `recall`, `session.Session`,
`session.SessionHold`, `settling.SettledMemory`, `settling.settle`, `settling.vectors_of_graph`,
`spread.associations`, `transfer.MemoryTransfer`, `watching.WatchedInsight`.
"""
