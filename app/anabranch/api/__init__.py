"""The base of all surfaces: requests, problems, idempotency, admission.

Others use: `admission.Gate`, `admission.HELD_MAX`, `admission.REQUEST_BYTES_MAX`,
`claims.COMMANDED`, `claims.UNKEYED`, `claims.refuse_key`, `client`, `context.Context`,
`expected.EXPECTED`, `expected.expected_in`, `fixes`, `idempotency.CONVERGENT`,
`idempotency.checked_key`, `operations.OPERATIONS`, `operations.Operation`, `problem.PROBLEM_TYPE`,
`problem.Problem`, `problem.request_invalid`, `read_requests.FollowEvents`,
`read_requests.ReplayEvents`, `requests`, `subjects`, `thoughts.EVERY`, `thoughts.StartThought`.
"""
