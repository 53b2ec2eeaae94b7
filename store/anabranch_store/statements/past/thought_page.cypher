// Sessions of the thought $root_id that had begun before position $before, and who had handed a task
// to each by $until, the newest first; one row a session: session_id, opened, handed_by.
MATCH (s:Session {namespace: $namespace, root_id: $root_id})
WHERE s.opened < $before
WITH s, s.opened AS newest
ORDER BY newest DESC
LIMIT $limit
RETURN s.id AS session_id, s.opened AS opened,
  [(t:Session)-[h:HANDED_OFF_TO]->(s) WHERE h.recorded <= $until | t.id] AS handed_by
ORDER BY opened DESC
