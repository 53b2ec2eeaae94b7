// The insights in $names that are not forgotten, by position and id, those after $after and $after_id;
// one row an insight, at most $limit of them.
UNWIND $names AS name
MATCH (i:Insight {namespace: $namespace, id: name})
WHERE i.forgotten IS NULL AND (i.recorded > $after OR i.recorded = $after AND i.id > $after_id)
RETURN @insights/located
ORDER BY position, insight_id
LIMIT $limit
