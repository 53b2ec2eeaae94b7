// Consolidations recorded after $after and up to $until, by position, with the sessions that each
// joins and the insights that it was derived from; one row a consolidation. $root_id null: of any
// thought.
MATCH (c:Consolidation {namespace: $namespace})
WHERE c.recorded > $after AND c.recorded <= $until AND ($root_id IS NULL OR c.root_id = $root_id)
RETURN c.id AS consolidation_id, c.root_id AS root_id, c.text AS text, c.method AS method,
  c.recorded AS position, c.recorded_at AS recorded_at,
  [(c)-[:CONSOLIDATES]->(s:Session) | s.id] AS sessions,
  [(c)-[:DERIVED_FROM]->(i:Insight) | i.id] AS sources
ORDER BY position, consolidation_id
LIMIT $limit
