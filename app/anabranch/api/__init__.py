"""The base of all surfaces: requests, problems, idempotency, admission.

Others use: `admission.Gate`, `admission.HELD_MAX`, `idempotency.Ids`, `idempotency.Repetition`,
`problem`, `requests`.
"""
