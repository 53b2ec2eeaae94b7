"""The loop that every projection shares.

Others use: `backoff.Backoff`, `backoff.LOGGER`, `batch`, `checkpoint.hold`, `ended.EndedFold`,
`ended.Late`, `follower.Follower`, `repeated.told_once`, `throughput.FollowerStatus`,
`wait.not_reached`, `wait.wait_for`.
"""
