"""Events into rows: pure functions.

Others use: `effects.BatchRows`, `fold.fold`, `insight_rows.source_insights`,
`past_sessions.past_sessions`, `positioned.PositionedEvent`, `positioned.timestamp`, `rows.Row`,
`rows.steps`, `rules`, `traces.Traces`.
"""
