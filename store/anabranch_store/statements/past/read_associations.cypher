// The associations from the insights in $ids that were formed up to $until; one row an association, by
// position.
UNWIND $ids AS id
MATCH (a:Insight {namespace: $namespace, id: id})-[r:ASSOCIATED_WITH]->(b:Insight)
WHERE r.recorded <= $until
RETURN a.id AS from_id, b.id AS to_id, r.kind AS kind, r.recorded AS recorded,
  CASE WHEN r.retired <= $until THEN r.retired END AS retired
ORDER BY recorded, from_id, to_id, kind
