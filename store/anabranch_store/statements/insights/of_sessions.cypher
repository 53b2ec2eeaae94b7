// The insights of $session_ids that are not forgotten, by position and id, those after $after and
// $after_id; one row an insight, at most $limit of them.
UNWIND $session_ids AS session_id
MATCH (s:Session {namespace: $namespace, id: session_id})-[:PRODUCED]->(i:Insight)
WHERE i.forgotten IS NULL
  AND (i.recorded > $after OR i.recorded = $after AND i.id > $after_id)
RETURN i.id AS insight_id, i.text AS text, i.subject AS subject, i.kind AS kind,
  i.confidence AS confidence, coalesce(i.tags, []) AS tags,
  coalesce(i.entities, []) AS entities,
  coalesce(i.sources, []) AS sources, i.valid_from AS valid_from, i.valid_until AS valid_until,
  i.session_id AS session_id, s.agent AS agent, i.recorded AS position,
  i.recorded_at AS recorded_at, i.retired AS retired, i.retired_reason AS retired_reason,
  [] AS supersedes, [] AS superseded_by
ORDER BY position, insight_id
LIMIT $limit
