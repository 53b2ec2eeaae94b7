"""The Python face: memories and sessions.

Others use: `conflicts.ConflictDetails`, `conflicts.resolve_conflict`, `conflicts.show_conflict`,
`consolidation.consolidate`, `consolidation.synthesise`, `context.context`, `cypher.cypher`,
`cypher.cypher_alone`, `forgetting.forget_insight`, `graph.MemoryGraph`, `insights.get_insight`,
`insights.update_insight`, `lanes.Lanes`, `lanes.SPAN_MAX`, `lanes.lanes`, `links`, `memory.Memory`,
`memory.namespace_of`, `namespaces.Namespaces`, `namespaces.OpenNamespace`, `past.MemoryPast`,
`profiles.Profile`, `profiles.about`, `recall`, `retention`, `roles_file.RoleView`,
`roles_file.known_roles`, `roles_file.roles_of`, `sealing.seal_namespace`, `session.Session`,
`session.SessionHold`, `session_views.page_of_sessions`, `session_views.session_tree`,
`session_views.show_session`, `settling.SettledMemory`, `settling.settle`,
`settling.vectors_of_graph`, `short_ids.insight_id_of`, `short_ids.session_id_of`,
`short_ids.thing_id_of`, `spread.associations`, `subject_forgetting.forget_sessions`,
`subject_forgetting.forget_subject`, `thinking`, `thoughts`, `transfer.MemoryTransfer`,
`watching.WatchedInsight`, `work.MemoryWork`, `work.TASKS_MAX`, `work_load.Load`,
`work_load.LoadWatch`, `work_load.WorkerLoad`, `work_stats.BY`, `work_stats.By`,
`work_stats.WorkStats`, `work_views`.
"""
