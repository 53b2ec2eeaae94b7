// Delete notes of sessions of a namespace with what links them, at most $most; returns nothing.
MATCH (n:Note)
WHERE n.namespace = $namespace AND n.session_id IS NOT NULL AND n.key IS NOT NULL
WITH n LIMIT $most
DETACH DELETE n
