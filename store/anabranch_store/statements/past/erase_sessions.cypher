// Take what sessions themselves said out of a graph of the past; one row a session, returns nothing.
UNWIND $rows AS row
MATCH (s:Session {namespace: row.namespace, id: row.id})
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
SET p.result = CASE WHEN p.result IS NULL THEN null ELSE '(forgotten)' END
