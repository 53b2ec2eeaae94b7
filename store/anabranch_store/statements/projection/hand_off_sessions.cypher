// Link a session to the one it handed its task to; one row a pair, returns nothing.
UNWIND $rows AS row
MERGE (s:Session {namespace: row.namespace, id: row.session_id})
MERGE (t:Session {namespace: row.namespace, id: row.to})
MERGE (s)-[h:HANDED_OFF_TO]->(t)
ON CREATE SET h.recorded = row.recorded,
  h.summary = CASE WHEN s.forgotten IS NULL THEN row.summary ELSE '(forgotten)' END
