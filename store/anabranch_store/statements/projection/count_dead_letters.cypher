// How many events could not be applied and wait for somebody; one row.
MATCH (d:DeadLetter)
WHERE d.position IS NOT NULL AND d.discarded_at IS NULL
RETURN count(d) AS dead_letters
