// The work of the branches that were opened after $after, by those of role, executor and worker that $by
// names; one row a group. Durations are those of completed branches, in milliseconds; null without any.
MATCH (s:Session {namespace: $namespace})
WHERE s.opened > $after AND s.depth > 0
WITH s, CASE WHEN 'role' IN $by THEN s.role END AS role,
  CASE WHEN 'executor' IN $by THEN s.executor END AS executor,
  CASE WHEN 'worker' IN $by THEN s.worker END AS worker,
  CASE WHEN s.status = 'completed' THEN s.duration_ms END AS duration_ms
RETURN role, executor, worker, count(s) AS branches,
  sum(CASE WHEN s.status = 'completed' THEN 1 ELSE 0 END) AS completed,
  sum(CASE WHEN s.status IN ['failed', 'dead_lettered'] THEN 1 ELSE 0 END) AS failed,
  sum(CASE WHEN s.status = 'cancelled' THEN 1 ELSE 0 END) AS cancelled,
  sum(coalesce(s.attempt, 0)) AS attempts,
  percentileCont(duration_ms, 0.5) AS p50_ms, percentileCont(duration_ms, 0.95) AS p95_ms
ORDER BY branches DESC, role, executor, worker
LIMIT $limit
