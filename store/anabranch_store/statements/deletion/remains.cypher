// Whether the graph holds anything of a namespace. Returns one row {found}: 0 or 1.
MATCH (n)
WHERE n.namespace = $namespace
  AND ((n:Agent OR n:Entity) AND n.name IS NOT NULL
    OR (n:Consolidation OR n:Insight OR n:Session) AND n.id IS NOT NULL
    OR n:Note AND n.session_id IS NOT NULL AND n.key IS NOT NULL
    OR n:DeadLetter AND n.position IS NOT NULL)
WITH n LIMIT 1
RETURN count(n) AS found
