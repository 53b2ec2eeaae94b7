// Which of the insights in $ids were forgotten; one row an insight: id.
UNWIND $ids AS id
MATCH (i:Insight {namespace: $namespace, id: id})
WHERE i.forgotten IS NOT NULL
RETURN i.id AS id
