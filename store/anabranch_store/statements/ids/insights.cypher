// Insights of a namespace whose ids end with $ending: id and text.
MATCH (i:Insight {namespace: $namespace})
WHERE i.id ENDS WITH $ending AND i.recorded IS NOT NULL
RETURN i.id AS id, i.text AS said
ORDER BY id
LIMIT $limit
