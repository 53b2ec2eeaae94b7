// Which of the sessions in $ids learned what was forgotten, or joined it: their results are never told
// again; one row a session: id.
UNWIND $ids AS id
MATCH (s:Session {namespace: $namespace, id: id})
WHERE s.erased
RETURN s.id AS id
