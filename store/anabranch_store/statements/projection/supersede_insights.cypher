// Link a newer insight to the one whose place it took; one row a pair, returns nothing. Where none of
// the ends behind it counted, because the newer one had ended itself, the link is void.
UNWIND $rows AS row
MERGE (old:Insight {namespace: row.namespace, id: row.id})
MERGE (new:Insight {namespace: row.namespace, id: row.by})
MERGE (new)-[s:SUPERSEDES]->(old)
ON CREATE SET s.recorded = row.position
WITH row, s, [(old)<-[r:RETIRED]-(:Session) WHERE r.by = row.by AND r.void IS NULL | r.by] AS ends
SET s.void = CASE WHEN size(ends) = 0 THEN true END
