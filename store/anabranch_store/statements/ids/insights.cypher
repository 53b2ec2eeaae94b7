// Insights of a namespace whose ids begin or end with $part: id and text.
MATCH (i:Insight {namespace: $namespace})
WHERE (i.id STARTS WITH $part OR i.id ENDS WITH $part) AND i.recorded IS NOT NULL
RETURN i.id AS id, i.text AS said
ORDER BY id
LIMIT $limit
