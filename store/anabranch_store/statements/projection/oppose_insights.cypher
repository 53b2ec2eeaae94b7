// Open and resolve conflicts; one row a pair of insights in the order of their ids, returns nothing.
// Each opening is a relationship of its own, that lives from `recorded` to the first resolution.
// Of insights that were forgotten nothing is said any more.
UNWIND $rows AS row
MERGE (a:Insight {namespace: row.namespace, id: row.from_id})
MERGE (b:Insight {namespace: row.namespace, id: row.to_id})
WITH row, a, b, [(a)-[r:CONFLICTS_WITH]->(b) | r] AS known,
  CASE WHEN a.forgotten IS NULL AND b.forgotten IS NULL THEN null ELSE '(forgotten)' END AS unsaid
FOREACH (r IN [r IN known WHERE r.retired IS NULL] |
  SET r.retired = head([e IN row.resolved WHERE e.position > r.recorded]).position
  SET r.decision = CASE WHEN r.retired IS NULL THEN null
    ELSE coalesce(unsaid, head([e IN row.resolved WHERE e.position > r.recorded]).decision) END
)
FOREACH (o IN [o IN row.opened WHERE NOT o.recorded IN [r IN known | r.recorded]] |
  CREATE (a)-[:CONFLICTS_WITH {
    recorded: o.recorded, subject: coalesce(unsaid, o.subject), retired: o.retired,
    decision: CASE WHEN o.retired IS NULL THEN null ELSE coalesce(unsaid, o.decision) END
  }]->(b)
)
