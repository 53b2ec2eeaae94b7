// The insights that hold and that a rule is for: one row with their number, and the number of those
// that outlived its age: imported ones from before the time $before, and others up to the position
// $until.
MATCH (i:Insight {namespace: $namespace})
WHERE @insights/bounded
WITH i, @insights/imported AS imported
RETURN count(i) AS held,
  sum(CASE WHEN imported AND i.recorded_at < datetime($before) THEN 1
    WHEN NOT imported AND i.recorded <= $until THEN 1 ELSE 0 END) AS aged
