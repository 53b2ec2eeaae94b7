// The oldest insights that hold and that a rule is for, at most $limit: the imported ones, or else all
// others. One row each, the oldest first, with whether it outlived the age of the rule: whether it
// is from before the time $before, or from up to the position $until.
MATCH (i:Insight {namespace: $namespace})
WHERE @insights/bounded
  AND (@insights/imported) = $imported
RETURN i.id AS insight_id, i.recorded AS position, toString(i.recorded_at) AS time,
  CASE WHEN $imported THEN coalesce(i.recorded_at < datetime($before), false)
    ELSE i.recorded <= $until END AS aged
ORDER BY CASE WHEN $imported THEN i.recorded_at END, position, insight_id LIMIT $limit
