// The insights that hold and that a rule is for: one row with their number, and the number of those
// from before the time $before.
MATCH (i:Insight {namespace: $namespace})
WHERE @insights/bounded
RETURN count(i) AS held,
  sum(CASE WHEN i.recorded_at < datetime($before) THEN 1 ELSE 0 END) AS aged
