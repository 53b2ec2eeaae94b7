// One insight with its session's agent, and what it replaced or what replaced it; one row, or none.
MATCH (i:Insight {namespace: $namespace, id: $id})
WHERE i.recorded IS NOT NULL
OPTIONAL MATCH (s:Session {namespace: $namespace, id: i.session_id})
WITH i, s
OPTIONAL MATCH (newer:Insight)-[:SUPERSEDES]->(i)
WITH i, s, collect(newer.id) AS superseded_by
OPTIONAL MATCH (i)-[:SUPERSEDES]->(older:Insight)
WITH i, s, superseded_by, collect(older.id) AS supersedes
RETURN i.id AS insight_id, i.text AS text, i.subject AS subject, i.kind AS kind,
  i.confidence AS confidence, coalesce(i.tags, []) AS tags,
  coalesce(i.entities, []) AS entities,
  coalesce(i.sources, []) AS sources, i.valid_from AS valid_from, i.valid_until AS valid_until,
  i.session_id AS session_id, s.agent AS agent, i.recorded AS position,
  i.recorded_at AS recorded_at, i.retired AS retired, i.retired_reason AS retired_reason,
  supersedes, superseded_by
