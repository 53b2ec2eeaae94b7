// One insight with its session's agent, and what it replaced or what replaced it; one row, or none.
MATCH (i:Insight {namespace: $namespace, id: $id})
WHERE i.recorded IS NOT NULL
OPTIONAL MATCH (s:Session {namespace: $namespace, id: i.session_id})
WITH i, s
OPTIONAL MATCH (newer:Insight)-[:SUPERSEDES]->(i)
WITH i, s, collect(newer.id) AS superseded_by
OPTIONAL MATCH (i)-[:SUPERSEDES]->(older:Insight)
WITH i, s, superseded_by, collect(older.id) AS supersedes
RETURN @insights/details,
  supersedes, superseded_by
