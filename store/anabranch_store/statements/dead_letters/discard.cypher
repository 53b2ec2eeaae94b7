// Note that nobody waits for dead letters any more; one row a letter that was there.
UNWIND $positions AS position
MATCH (d:DeadLetter {position: position})
WHERE d.namespace = $namespace
SET d.discarded_at = coalesce(d.discarded_at, datetime($time))
RETURN d.position AS position
