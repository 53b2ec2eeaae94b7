"""The loop that every projection shares.

Others use: `backoff.Backoff`, `backoff.LOGGER`, `batch`, `follower.Follower`, `repeated.told_once`,
`throughput.FollowerStatus`, `wait.not_reached`, `wait.wait_for`.
"""
