// Delete insights of a namespace with what links them, at most $most; returns nothing.
MATCH (n:Insight)
WHERE n.namespace = $namespace AND n.id IS NOT NULL
WITH n LIMIT $most
DETACH DELETE n
