// Sessions that had begun from position $from to before $before, and who had handed a task to each by
// $until, the newest first; one row a session: session_id, opened, handed_by.
MATCH (s:Session)
WHERE s.opened >= $from AND s.opened < $before
WITH s
WHERE s.namespace = $namespace
WITH s, s.opened AS newest
ORDER BY newest DESC
LIMIT $limit
RETURN s.id AS session_id, s.opened AS opened,
  [(t:Session)-[h:HANDED_OFF_TO]->(s) WHERE h.recorded <= $until | t.id] AS handed_by
ORDER BY opened DESC
