// Return which of the insights in $ids differ, as of $until: both ends and the kind. A superseded one
// is `other`; a conflict is one that is open.
UNWIND $ids AS id
MATCH (a:Insight {namespace: $namespace, id: id})-[r:SUPERSEDES|CONFLICTS_WITH]->(b:Insight)
WHERE b.namespace = $namespace AND b.id IN $ids
  AND r.recorded <= $until AND (r.retired IS NULL OR r.retired > $until)
RETURN DISTINCT a.id AS one, b.id AS other, type(r) AS kind
ORDER BY one, other, kind
