// The oldest insights that hold and that a rule is for, at most $limit; one row each, the oldest
// first, with whether it is from before the time $before.
MATCH (i:Insight {namespace: $namespace})
WHERE @insights/bounded
RETURN i.id AS insight_id, coalesce(i.recorded_at < datetime($before), false) AS aged
ORDER BY i.recorded_at, i.recorded, insight_id LIMIT $limit
