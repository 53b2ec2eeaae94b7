"""Memory that settles by itself: what was said again, changed, and belongs together.

Others use: `consolidator.Consolidator`, `recording.Overtaken`, `recording.Settler`,
`recording.VectorsOf`, `settlement.Settlement`.
"""
