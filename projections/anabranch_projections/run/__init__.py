"""The loop that every projection shares.

Others use: `batch`, `follower.Follower`, `throughput.FollowerStatus`, `wait.not_reached`,
`wait.wait_for`.
"""
