// Take notes of sessions away; one row a note, returns nothing. `position` as in projection/keep_notes.
UNWIND $rows AS row
MATCH (s:Session {namespace: row.namespace, id: row.session_id})
WHERE s.updated = row.position
MATCH (n:Note {namespace: row.namespace, session_id: row.session_id, key: row.key})
DETACH DELETE n
