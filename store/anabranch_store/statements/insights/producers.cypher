// Which session produced each of the insights; one row an insight that exists.
UNWIND $ids AS id
MATCH (i:Insight {namespace: $namespace, id: id})
WHERE i.recorded IS NOT NULL
RETURN i.id AS insight_id, i.session_id AS session_id
