"""Forgetting: insights, whole subjects, what outlived its retention, and namespaces.

Others use: `deletion.delete_namespace`, `insights.forget_insight`, `retention`,
`sealing.seal_namespace`, `whole_subjects.forget_sessions`, `whole_subjects.forget_subject`.
"""
