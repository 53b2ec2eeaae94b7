// Sessions of the thought $root_id that were opened before position $before, the newest first; one
// row a session. $status null: of any status.
MATCH (s:Session {namespace: $namespace, root_id: $root_id})
WHERE s.opened < $before AND ($status IS NULL OR s.status = $status)
WITH s, s.opened AS newest
ORDER BY newest DESC, s.id
LIMIT $limit
RETURN @sessions/shown
ORDER BY opened DESC, session_id
