"""Memory that settles by itself: what was said again, changed, and belongs together.

Others use: `chain.Overtaken`, `chain.own_session`, `consolidator.Consolidator`,
`recording.Settler`, `recording.VectorsOf`, `retention`, `settlement.Settlement`.
"""
