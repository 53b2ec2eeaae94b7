"""The Python face: memories and sessions.

Others use: `consolidate.consolidate`, `context.AskedFields`, `context.context`,
`graph.MemoryGraph`, `insights.get_insight`, `insights.update_insight`, `memory.Memory`,
`memory.namespace_of`, `namespaces.Namespaces`, `namespaces.OpenNamespace`, `past.MemoryPast`,
`recall.recall`, `session.Session`, `session_views.show_session`, `short_ids.insight_id_of`,
`short_ids.session_id_of`, `short_ids.thing_id_of`, `transfer.MemoryTransfer`.
"""
