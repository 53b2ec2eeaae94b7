"""The graph's generations: rebuilt, used, dropped, and their progress.

Others use: `generations.drop`, `generations.generations`, `generations.use`,
`rebuild.rebuild_beside`, `rebuild.rebuild_into`, `status.lag_behind`, `status.status`.
"""
