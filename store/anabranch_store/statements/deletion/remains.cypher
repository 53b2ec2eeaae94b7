// Whether the graph holds anything of a namespace. Returns one row {found}: 0 or 1.
MATCH (n)
WHERE n.namespace = $namespace
  AND (n:Agent OR n:Consolidation OR n:DeadLetter OR n:Entity OR n:Insight OR n:Session)
WITH n LIMIT 1
RETURN count(n) AS found
