// The associations of the insight $id that held at $until and were formed after $after, both ends
// of each, as it stood then; one row an association, by position.
MATCH (i:Insight {namespace: $namespace, id: $id})-[r:ASSOCIATED_WITH]-(:Insight)
WHERE r.recorded > $after AND r.recorded <= $until AND (r.retired IS NULL OR r.retired > $until)
WITH r, startNode(r) AS a, endNode(r) AS b, @insights/steps AS steps
WITH r, a, b, steps, CASE WHEN steps IS NULL THEN r.citations
  ELSE size([time IN r.step_times[0..steps] WHERE time <> '']) END AS citations
RETURN a.id AS from_id, b.id AS to_id, r.kind AS kind, r.reason AS reason,
  r.recorded AS position, r.recorded_at AS recorded_at,
  @insights/weight AS weight, citations,
  CASE WHEN citations = 0 THEN null WHEN steps IS NULL THEN r.last_cited
    ELSE datetime(last([time IN r.step_times[0..steps] WHERE time <> ''])) END AS last_cited
ORDER BY position, from_id, to_id, kind
LIMIT $limit
