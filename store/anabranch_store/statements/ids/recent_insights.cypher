// The newest insights of a namespace, at most $limit: id, text, and the position they began at.
MATCH (i:Insight {namespace: $namespace})
WHERE i.recorded IS NOT NULL
RETURN i.id AS id, i.text AS said, i.recorded AS position
ORDER BY position DESC
LIMIT $limit
