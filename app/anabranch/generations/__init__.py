"""The graph's generations: rebuilt, used, dropped, and their progress.

Others use: `generations`, `rebuild.rebuild_beside`, `rebuild.rebuild_into`, `status.lag_behind`,
`status.status`.
"""
