// The sessions that were imported from what a tool calls $source, as their attributes say it; one row a
// session: id, parent_id.
MATCH (s:Session {namespace: $namespace})
WHERE s.attributes CONTAINS $source
RETURN s.id AS id, s.parent_id AS parent_id
ORDER BY s.opened
