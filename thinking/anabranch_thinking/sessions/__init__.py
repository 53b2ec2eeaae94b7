"""Commands on sessions and insights.

Others use: `findings`, `insights`, `journal`, `recall.Recall`, `recall.RecalledInsight`,
`receipts`, `sessions.BranchTask`, `sessions.READS_AT_ONCE`, `sessions.Sessions`, `state`.
"""
