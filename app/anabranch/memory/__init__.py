"""The Python face: memories and sessions.

Others use: `graph.MemoryGraph`, `insights.get_insight`, `insights.update_insight`, `memory.Memory`,
`memory.namespace_of`, `namespaces.Namespaces`, `namespaces.OpenNamespace`, `past.MemoryPast`,
`recall.recall`, `session.Session`, `short_ids.insight_id_of`, `short_ids.session_id_of`,
`short_ids.thing_id_of`, `thinking.Over`, `thinking.ThinkOptions`, `thinking.checked_over`,
`transfer.MemoryTransfer`, `work`.
"""
