"""The consolidation of branches' findings.

Others use: `consolidate.consolidate_thought`, `links`, `points.Point`,
`subject_synthesis.consolidate_subject`, `synthesis.Group`, `synthesis.Synthesis`,
`synthesis.synthesise`.
"""
