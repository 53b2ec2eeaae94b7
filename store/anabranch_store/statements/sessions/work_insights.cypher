// The insights of the branches that were opened after $after, by those of role, executor and worker that
// $by names, and what became of them: how many were of use, how often they were used and confirmed, how
// many were only rejected; one row a group.
MATCH (s:Session {namespace: $namespace})-[:PRODUCED]->(i:Insight)
WHERE s.opened > $after AND s.depth > 0
RETURN CASE WHEN 'role' IN $by THEN s.role END AS role,
  CASE WHEN 'executor' IN $by THEN s.executor END AS executor,
  CASE WHEN 'worker' IN $by THEN s.worker END AS worker,
  count(i) AS insights,
  sum(CASE WHEN i.citations > 0 THEN 1 ELSE 0 END) AS useful,
  sum(coalesce(i.citations, 0)) AS citations,
  sum(coalesce(i.citations, 0) - coalesce(i.confirmations, 0)) AS used,
  sum(coalesce(i.confirmations, 0)) AS confirmed,
  sum(CASE WHEN i.cited > 0 AND i.citations = 0 THEN 1 ELSE 0 END) AS rejected
