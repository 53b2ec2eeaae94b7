// Return the consolidations, recorded up to $until, that are derived from at least two of the insights
// in $ids, and whose sources all hold then: id and position. Those that cover most come first.
UNWIND $ids AS id
MATCH (i:Insight {namespace: $namespace, id: id})<-[:DERIVED_FROM]-(c:Consolidation)
WHERE c.namespace = $namespace AND c.recorded <= $until
WITH c, count(DISTINCT i) AS covered
WHERE covered > 1
MATCH (c)-[:DERIVED_FROM]->(i:Insight)
WITH c, covered, count(i) AS sources, sum(
  CASE WHEN i.forgotten IS NULL AND @insights/ended IS NULL THEN 1 ELSE 0 END
) AS holding
WHERE sources = holding
RETURN c.id AS consolidation_id, c.recorded AS position
ORDER BY covered DESC, position DESC, consolidation_id LIMIT $limit
