// Delete agents of a namespace with what links them, at most $most; returns nothing.
MATCH (n:Agent)
WHERE n.namespace = $namespace AND n.name IS NOT NULL
WITH n LIMIT $most
DETACH DELETE n
