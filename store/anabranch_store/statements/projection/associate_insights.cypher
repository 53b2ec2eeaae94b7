// Form and end associations; one row a link (from, to, kind), returns nothing.
// Each forming is a relationship of its own, that lives from `recorded` to the first of `ends`.
// Of insights that were forgotten nothing is said any more.
UNWIND $rows AS row
MERGE (a:Insight {namespace: row.namespace, id: row.from_id})
MERGE (b:Insight {namespace: row.namespace, id: row.to_id})
WITH row, a, b, [(a)-[r:ASSOCIATED_WITH {kind: row.kind}]->(b) | r] AS known
FOREACH (r IN [r IN known WHERE r.retired IS NULL] |
  SET r.retired = head([p IN row.ends WHERE p > r.recorded])
)
FOREACH (f IN [f IN row.formed WHERE NOT f.recorded IN [r IN known | r.recorded]] |
  CREATE (a)-[:ASSOCIATED_WITH {
    kind: row.kind, weight: f.weight, formed_weight: f.weight,
    reason: CASE WHEN a.forgotten IS NULL AND b.forgotten IS NULL THEN f.reason END,
    recorded: f.recorded, recorded_at: datetime(f.recorded_at), retired: f.retired, citations: 0
  }]->(b)
)
