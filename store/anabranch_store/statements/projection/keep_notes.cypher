// Keep notes of sessions, a node each; one row a note, returns nothing. `position` is the session's
// last in the batch: where the session knows a later one, the batch was applied before. One that was
// forgotten keeps none.
UNWIND $rows AS row
MATCH (s:Session {namespace: row.namespace, id: row.session_id})
WHERE s.updated = row.position AND s.forgotten IS NULL
MERGE (n:Note {namespace: row.namespace, session_id: row.session_id, key: row.key})
SET n += {value: row.value, recorded: row.recorded}
WITH s, n
WHERE size([(n)<-[:NOTED]-(holder:Session) | holder.id]) = 0
CREATE (s)-[:NOTED]->(n)
