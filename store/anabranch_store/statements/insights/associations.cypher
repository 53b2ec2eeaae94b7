// The associations of the insight $id that held at $until and were formed after $after, both ends
// of each; one row an association, by position. A weight that was changed after $until is the one
// it was formed with.
MATCH (i:Insight {namespace: $namespace, id: $id})-[r:ASSOCIATED_WITH]-(:Insight)
WHERE r.recorded > $after AND r.recorded <= $until AND (r.retired IS NULL OR r.retired > $until)
WITH r, startNode(r) AS a, endNode(r) AS b, coalesce(r.cited, 0) <= $until AS known
RETURN a.id AS from_id, b.id AS to_id, r.kind AS kind, r.reason AS reason,
  r.recorded AS position, r.recorded_at AS recorded_at,
  CASE WHEN known THEN r.weight ELSE r.formed_weight END AS weight,
  CASE WHEN known THEN r.citations ELSE 0 END AS citations,
  CASE WHEN known THEN r.last_cited END AS last_cited
ORDER BY position, from_id, to_id, kind
LIMIT $limit
