// Note that a dead letter could again not be applied, and why; returns nothing.
MATCH (d:DeadLetter {position: $position})
SET d.error = $error, d.reason = $reason, d.attempts = coalesce(d.attempts, 1) + 1
SET d.tried_at = datetime($time)
