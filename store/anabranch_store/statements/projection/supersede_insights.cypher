// Link a newer insight to the one whose place it took; one row a pair, returns nothing.
UNWIND $rows AS row
MERGE (old:Insight {namespace: row.namespace, id: row.id})
MERGE (new:Insight {namespace: row.namespace, id: row.by})
MERGE (new)-[s:SUPERSEDES]->(old)
ON CREATE SET s.recorded = row.recorded
