// Every insight that was forgotten, of all namespaces; one row an insight: namespace, id,
// position, asked.
MATCH (i:Insight)
WHERE i.forgotten IS NOT NULL AND i.namespace IS NOT NULL AND i.id IS NOT NULL
RETURN i.namespace AS namespace, i.id AS id, i.forgotten AS position,
  i.retired IS NOT NULL AS asked
