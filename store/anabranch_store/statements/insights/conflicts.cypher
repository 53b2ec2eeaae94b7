// The conflicts of a namespace that were opened after $after and up to $until, by position; one row
// a conflict. $open: only those that were not resolved at $until.
MATCH (a:Insight {namespace: $namespace})-[r:CONFLICTS_WITH]->(b:Insight)
WHERE r.recorded > $after AND r.recorded <= $until
  AND (NOT $open OR r.retired IS NULL OR r.retired > $until)
RETURN a.id AS one, b.id AS other, r.subject AS subject, r.recorded AS position,
  CASE WHEN r.retired <= $until THEN r.retired END AS resolved,
  CASE WHEN r.retired <= $until THEN r.decision END AS decision
ORDER BY position, one, other
LIMIT $limit
