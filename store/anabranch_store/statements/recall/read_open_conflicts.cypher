// The open conflicts of the insights in $ids as of $until; one row a conflict and an insight: the other
// side, which holds then too, and the subject. Of each insight the $limit oldest.
UNWIND $ids AS id
MATCH (a:Insight {namespace: $namespace, id: id})-[r:CONFLICTS_WITH]-(i:Insight)
WHERE i.namespace = $namespace AND r.recorded <= $until
  AND (r.retired IS NULL OR r.retired > $until)
  AND i.forgotten IS NULL AND @insights/ended IS NULL
WITH id, i, r ORDER BY r.recorded, i.id
WITH id, collect({insight_id: i.id, text: i.text, subject: r.subject, position: r.recorded}) AS found
RETURN id AS insight_id, found[0..$limit] AS conflicts
