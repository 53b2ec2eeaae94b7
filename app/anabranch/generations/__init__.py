"""The graph's generations: rebuilt, used, dropped, and their progress.

Others use: `erasing.erasing_files`, `erasing.finish_forgetting`, `generations`,
`rebuild.rebuild_beside`, `rebuild.rebuild_into`, `rebuild.refuse_less`, `repair.repair_in_place`,
`status.lag_behind`, `status.status`.
"""
