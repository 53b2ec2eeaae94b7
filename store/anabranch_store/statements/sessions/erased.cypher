// Which of the sessions in $ids learned what was forgotten, or joined it: their results are never told
// again; and which were forgotten themselves, and are never told at all. One row a session: id, forgotten.
UNWIND $ids AS id
MATCH (s:Session {namespace: $namespace, id: id})
WHERE s.erased OR s.forgotten IS NOT NULL
RETURN s.id AS id, s.forgotten IS NOT NULL AS forgotten
