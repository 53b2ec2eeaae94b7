"""The consolidation of branches' findings.

Others use: `abstractive.Writer`, `consolidate.consolidate_thought`, `links`, `points.Point`,
`subject_synthesis.consolidate_subject`, `synthesis.Group`, `synthesis.Synthesis`,
`synthesis.synthesise`, `wording`.
"""
