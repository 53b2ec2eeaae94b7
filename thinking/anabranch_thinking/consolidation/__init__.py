"""The consolidation of branches' findings.

Others use: `abstractive.Writer`, `consolidate.consolidate_thought`, `exact_cosines.Vector`,
`exact_cosines.exact_cosines`, `exact_cosines.in_steps`, `links`, `points.Point`,
`subject_synthesis.consolidate_subject`, `synthesis.Group`, `synthesis.Synthesis`,
`synthesis.synthesise`, `wording`.
"""
