// The insights of $session_ids that are not forgotten, by position and id, those after $after and
// $after_id; one row an insight, at most $limit of them.
UNWIND $session_ids AS session_id
MATCH (s:Session {namespace: $namespace, id: session_id})-[:PRODUCED]->(i:Insight)
WHERE i.forgotten IS NULL
  AND (i.recorded > $after OR i.recorded = $after AND i.id > $after_id)
RETURN @insights/details,
  [] AS supersedes, [] AS superseded_by
ORDER BY position, insight_id
LIMIT $limit
