// Return in one row the $limit first eligible insights of the namespace in whose text one of $parts
// stands, whatever is before and after it, compared one by one: ids.
MATCH (i:Insight {namespace: $namespace})
WHERE i.recorded <= $until AND i.forgotten IS NULL AND any(part IN $parts WHERE i.text CONTAINS part)
  AND @recall/eligible
WITH i ORDER BY i.recorded, i.id LIMIT $limit
RETURN collect(i.id) AS insights
