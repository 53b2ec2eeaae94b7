// The sessions that were forked from those in $ids; one row a session: id.
UNWIND $ids AS id
MATCH (s:Session {namespace: $namespace, id: id})<-[:BRANCHED_FROM]-(b:Session)
RETURN DISTINCT b.id AS id
