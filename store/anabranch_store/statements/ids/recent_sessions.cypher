// The newest sessions of a namespace, at most $limit: id, text, and the position they began at.
MATCH (s:Session {namespace: $namespace})
WHERE s.opened IS NOT NULL
RETURN s.id AS id, s.task AS said, s.opened AS position
ORDER BY position DESC
LIMIT $limit
