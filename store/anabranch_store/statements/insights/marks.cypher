// The insights of a namespace that were recorded from $since on and before $before, at most $limit,
// in one row: a list of a few fields of each, in no order, without texts.
MATCH (i:Insight {namespace: $namespace})
WHERE i.recorded >= $since AND i.recorded < $before
WITH i LIMIT $limit
RETURN collect([i.id, i.session_id, i.kind, i.recorded, i.retired]) AS insights
