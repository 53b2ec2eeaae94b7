// The position at which the last insight of a namespace was recorded before $before; null for none.
MATCH (i:Insight {namespace: $namespace})
WHERE i.recorded < $before
RETURN max(i.recorded) AS recorded
