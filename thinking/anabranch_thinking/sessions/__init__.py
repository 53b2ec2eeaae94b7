"""Commands on sessions and insights.

Others use: `findings`, `forks`, `insights.RELATED`, `insights.REMEMBERED_MAX`,
`insights.REQUESTED`, `journal`, `recall.Recall`, `recall.RecalledInsight`, `receipts`,
`sessions.BranchTask`, `sessions.READS_AT_ONCE`, `sessions.Sessions`, `state`.
"""
