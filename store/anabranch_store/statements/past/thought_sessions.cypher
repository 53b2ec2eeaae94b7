// The sessions of the thought $root_id that had begun at $until, and who had handed a task to each;
// one row a session: session_id, handed_by.
MATCH (s:Session {namespace: $namespace, root_id: $root_id})
WHERE s.opened <= $until
RETURN s.id AS session_id,
  [(t:Session)-[h:HANDED_OFF_TO]->(s) WHERE h.recorded <= $until | t.id] AS handed_by
