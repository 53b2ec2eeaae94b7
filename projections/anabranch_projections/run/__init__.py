"""The loop that every projection shares.

Others use: `backoff.Backoff`, `backoff.LOGGER`, `batch`, `checkpoint.hold`, `elsewhere.Elsewhere`,
`elsewhere.marked_elsewhere`, `ended.EndedFold`, `ended.Late`, `follower.Follower`,
`repeated.passed_by`, `repeated.told_once`, `throughput.FollowerStatus`, `wait.not_reached`,
`wait.wait_for`.
"""
