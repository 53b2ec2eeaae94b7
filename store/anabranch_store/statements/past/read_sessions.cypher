// The sessions in $ids that had begun at $until; one row a session, by position.
// What ended by then is over: `status` has not changed since.
UNWIND $ids AS id
MATCH (s:Session {namespace: $namespace, id: id})
WHERE s.opened <= $until
RETURN s.id AS session_id, s.parent_id AS parent_id, left(s.task, $characters) AS task,
  s.role AS role, s.opened AS opened, CASE WHEN s.ended <= $until THEN s.ended END AS ended,
  CASE WHEN s.ended <= $until THEN s.status END AS status
ORDER BY opened, session_id
