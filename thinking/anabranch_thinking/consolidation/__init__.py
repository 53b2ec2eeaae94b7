"""The consolidation of branches' findings.

Others use: `consolidate.consolidate_thought`, `links`, `points.Point`, `synthesis.Group`,
`synthesis.Synthesis`, `synthesis.synthesise`.
"""
