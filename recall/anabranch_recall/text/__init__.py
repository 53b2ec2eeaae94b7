"""Text: words, stems, names and subjects, as questions and insights say them.

Others use: `features.Features`, `features.features`, `identifiers`, `language`, `mention.Mention`,
`prompt_tokens.prompt_tokens`, `subject.subjects_asked`, `subject.with_subject`, `words`.
"""
