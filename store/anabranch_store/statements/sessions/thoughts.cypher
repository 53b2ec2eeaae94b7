// Thoughts of a namespace, the newest first: root sessions with branches; one row a thought.
// $before null: also the newest. $until null: now, else those that had a branch at that position,
// with the branches that they had then.
MATCH (b:Session)-[:BRANCHED_FROM]->(s:Session {namespace: $namespace})
WHERE s.depth = 0 AND s.opened IS NOT NULL AND b.opened IS NOT NULL
  AND ($before IS NULL OR s.opened < $before) AND ($until IS NULL OR b.opened <= $until)
WITH s, s.opened AS newest, count(b) AS branches
ORDER BY newest DESC, s.id
LIMIT $limit
RETURN s.id AS session_id, s.opened AS opened, branches, [] AS handed_by, s.task AS task,
  s.agent AS agent, s.status AS status, s.opened_at AS opened_at, s.ended_at AS ended_at,
  s.updated AS position
ORDER BY opened DESC, session_id
