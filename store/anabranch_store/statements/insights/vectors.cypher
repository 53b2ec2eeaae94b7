// The vectors of the insights in $ids that have one; one row an insight.
UNWIND $ids AS id
MATCH (i:Insight {namespace: $namespace, id: id})
WHERE i.embedding IS NOT NULL
RETURN i.id AS insight_id, i.embedding AS vector
