// Link insights to those that they name as their sources; one row an insight. Only its first recording
// counts. Returns those that must be forgotten with a source: namespace, id, and of the first
// forgetting its position and receipt.
UNWIND $rows AS row
MATCH (i:Insight {namespace: row.namespace, id: row.id})
WHERE i.recorded = row.recorded
WITH row, i, [(i)-[:DERIVED_FROM]->(x:Insight) | x.id] AS known
FOREACH (source IN [source IN row.sources WHERE NOT source IN known] |
  MERGE (s:Insight {namespace: row.namespace, id: source})
  CREATE (i)-[:DERIVED_FROM]->(s)
)
WITH DISTINCT i
MATCH (i)-[:DERIVED_FROM]->(x:Insight)
WHERE x.forgotten IS NOT NULL AND (i.forgotten IS NULL OR x.forgotten < i.forgotten)
WITH i, x.forgotten AS position, x.forgotten_receipt AS receipt
ORDER BY position
WITH i, collect(position) AS positions, collect(receipt) AS receipts
RETURN i.namespace AS namespace, i.id AS id, head(positions) AS position, head(receipts) AS receipt
