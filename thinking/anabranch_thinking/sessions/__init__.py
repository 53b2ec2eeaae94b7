"""Commands on sessions and insights.

Others use: `carried.attributes_for`, `carried.carried`, `carried.carried_attributes`, `findings`,
`forks`, `holding`, `insights`, `journal`, `lease.Lease`, `many`, `opening.Opening`,
`recall.Recall`, `recall.RecalledInsight`, `receipts`, `sessions.BranchTask`, `sessions.Sessions`,
`state`, `state_cache.StateCache`.
"""
