// The insights of a namespace that have a vector of a model; one row an insight.
MATCH (i:Insight {namespace: $namespace})
WHERE i.embedding_model = $model AND i.forgotten IS NULL
RETURN i.id AS insight_id
