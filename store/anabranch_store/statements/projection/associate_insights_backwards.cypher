// Form and end associations as projection/associate_insights does, with the known ones looked up
// from the other end: for a batch in which many begin at one insight. One row a link, returns nothing.
// Each forming is a relationship of its own, that lives from `recorded` to the first of `ends`.
UNWIND $rows AS row
MERGE (a:Insight {namespace: row.namespace, id: row.from_id})
MERGE (b:Insight {namespace: row.namespace, id: row.to_id})
WITH row, a, b, [(b)<-[r:ASSOCIATED_WITH {kind: row.kind}]-(a) | r] AS known
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
