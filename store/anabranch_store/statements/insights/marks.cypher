// The insights of a namespace that were recorded from $since on and before $before, the newest
// first, without their texts; one row an insight. $before null: up to the end.
MATCH (i:Insight {namespace: $namespace})
WHERE i.recorded >= $since AND ($before IS NULL OR i.recorded < $before)
RETURN i.id AS insight_id, i.session_id AS session_id, i.kind AS kind, i.recorded AS position,
  i.retired AS retired
ORDER BY position DESC, insight_id
LIMIT $limit
