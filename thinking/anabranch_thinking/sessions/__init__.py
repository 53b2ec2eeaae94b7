"""Commands on sessions and insights.

Others use: `findings`, `forks`, `insights`, `journal`, `recall.Recall`, `recall.RecalledInsight`,
`receipts`, `sessions.BranchTask`, `sessions.READS_AT_ONCE`, `sessions.Sessions`, `state`.
"""
