// Erase what sessions themselves said: task, attributes, result, errors, reasons, notes and hand-offs,
// and what was made of it: the texts of consolidations of it, and the results of those who joined it;
// one row a session, returns nothing. What it learned is forgotten by events of its own.
UNWIND $rows AS row
MERGE (s:Session {namespace: row.namespace, id: row.id})
SET s.forgotten_receipt = CASE WHEN s.forgotten <= row.position THEN s.forgotten_receipt ELSE row.receipt END
SET s.forgotten = CASE WHEN s.forgotten <= row.position THEN s.forgotten ELSE row.position END
WITH DISTINCT s
SET s += @sessions/blank
WITH s, [(s)-[h:HANDED_OFF_TO]->(:Session) | h] AS hand_offs, [(s)-[:NOTED]->(n:Note) | n] AS notes
FOREACH (h IN hand_offs | SET h.summary = '(forgotten)')
FOREACH (n IN notes | DETACH DELETE n)
WITH DISTINCT s
UNWIND [(s)<-[:CONSOLIDATES]-(c:Consolidation) | c]
  + [(s)<-[:BRANCHED_FROM]-(:Session)<-[:CONSOLIDATES]-(c:Consolidation) | c] AS c
WITH DISTINCT c
SET c.text = '(forgotten)'
WITH c
MATCH (c)-[:CONSOLIDATES]->(:Session)-[:BRANCHED_FROM]->(p:Session)
WITH DISTINCT p
SET p.erased = true
SET p.result = CASE WHEN p.result IS NULL THEN null ELSE '(forgotten)' END
