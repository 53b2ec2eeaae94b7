// What the sessions in $ids say that goes when they are forgotten; one row a session: id, root_id,
// whether it was forgotten, and how many notes it has.
UNWIND $ids AS id
MATCH (s:Session {namespace: $namespace, id: id})
RETURN s.id AS id, s.root_id AS root_id, s.forgotten IS NOT NULL AS forgotten,
  s.result IS NOT NULL AND s.result <> '(forgotten)' AS result,
  size([(s)-[:NOTED]->(n:Note) | n.key]) AS notes,
  [(s)<-[:CONSOLIDATES]-(c:Consolidation) WHERE c.text <> '(forgotten)' | c.id] AS consolidations
