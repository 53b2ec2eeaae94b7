"""The past: earlier moments of memory, and the changes since.

Others use: `as_of`, `diff.ITEMS_MAX`, `diff.Span`, `diff.diff_of`, `diff_model.Diff`,
`history.History`, `history.LifeEvent`, `history.history_of`, `namespace_graphs.NamespaceGraphs`,
`replay.follow`, `replay.replay`, `stretch.check_order`, `stretch.check_stretch`.
"""
