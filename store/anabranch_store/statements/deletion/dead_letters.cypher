// Delete dead letters of a namespace with what links them, at most $most; returns nothing.
MATCH (n:DeadLetter)
WHERE n.namespace = $namespace AND n.position IS NOT NULL
WITH n LIMIT $most
DETACH DELETE n
