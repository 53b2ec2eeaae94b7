// Dead letters of a namespace in position order, those in $positions where that is not null, and
// those that were discarded only where $discarded; $limit at most, after $beyond; a row a letter.
MATCH (d:DeadLetter {namespace: $namespace})
WHERE d.position > $beyond AND ($positions IS NULL OR d.position IN $positions)
  AND ($discarded OR d.discarded_at IS NULL)
RETURN d.position AS position, d.namespace AS namespace, d.session_id AS session_id,
  d.error AS error, d.reason AS reason, d.projection AS projection, d.put_aside_at AS put_aside_at,
  coalesce(d.attempts, 1) AS attempts, d.tried_at AS tried_at, d.discarded_at AS discarded_at
ORDER BY position
LIMIT $limit
