// Sessions of the thought $root_id that began after position $after, the oldest first; one row a
// session, at most $limit of them.
MATCH (s:Session {namespace: $namespace, root_id: $root_id})
WHERE s.opened > $after
RETURN @sessions/shown
ORDER BY opened
LIMIT $limit
