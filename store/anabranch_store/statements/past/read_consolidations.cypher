// The consolidations in $ids that were recorded up to $until; one row a consolidation, by position.
UNWIND $ids AS id
MATCH (c:Consolidation {namespace: $namespace, id: id})
WHERE c.recorded <= $until
RETURN c.id AS consolidation_id, c.root_id AS root_id, left(c.text, $characters) AS text,
  c.method AS method, c.recorded AS recorded
ORDER BY recorded, consolidation_id
