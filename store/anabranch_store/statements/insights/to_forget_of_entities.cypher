// The insights that mention $names, which are entities, and are not forgotten, by position and id, those
// after $after and $after_id; one row an insight, at most $limit of them.
UNWIND $names AS name
MATCH (e:Entity {namespace: $namespace, name: name})<-[:MENTIONS]-(i:Insight)
WHERE i.forgotten IS NULL AND (i.recorded > $after OR i.recorded = $after AND i.id > $after_id)
RETURN @insights/located
ORDER BY position, insight_id
LIMIT $limit
