// The conflicts of the insights in $ids that were opened up to $until; one row a conflict, by position.
UNWIND $ids AS id
MATCH (a:Insight {namespace: $namespace, id: id})-[r:CONFLICTS_WITH]->(b:Insight)
WHERE r.recorded <= $until
RETURN a.id AS one, b.id AS other, r.subject AS subject, r.recorded AS recorded,
  CASE WHEN r.retired <= $until THEN r.retired END AS retired,
  CASE WHEN r.retired <= $until THEN r.decision END AS decision
ORDER BY recorded, one, other
