// Record consolidations with the sessions they join and the insights they were derived from; one
// row a consolidation, returns nothing. Only the first recording of a consolidation counts,
// and one that has a forgotten source, or joins a forgotten session or branches of one, keeps no text,
// nor have those who joined it a result.
UNWIND $rows AS row
MERGE (c:Consolidation {namespace: row.namespace, id: row.id})
WITH row, c
WHERE c.recorded IS NULL
SET c += row.properties
SET c.recorded_at = datetime(row.recorded_at)
FOREACH (session_id IN row.sessions |
  MERGE (s:Session {namespace: row.namespace, id: session_id})
  CREATE (c)-[:CONSOLIDATES]->(s)
)
FOREACH (insight_id IN row.sources |
  MERGE (i:Insight {namespace: row.namespace, id: insight_id})
  CREATE (c)-[:DERIVED_FROM]->(i)
)
WITH DISTINCT c
WHERE size([(c)-[:DERIVED_FROM]->(i:Insight) WHERE i.forgotten IS NOT NULL | i.id]) > 0
  OR size([(c)-[:CONSOLIDATES]->(s:Session) WHERE s.forgotten IS NOT NULL | s.id]) > 0
  OR size([(c)-[:CONSOLIDATES]->(:Session)-[:BRANCHED_FROM]->(p:Session) WHERE p.forgotten IS NOT NULL | p.id]) > 0
SET c.text = '(forgotten)'
WITH c
MATCH (c)-[:CONSOLIDATES]->(:Session)-[:BRANCHED_FROM]->(s:Session)
WITH DISTINCT s
SET s.erased = true
SET s.result = CASE WHEN s.result IS NULL THEN null ELSE '(forgotten)' END
