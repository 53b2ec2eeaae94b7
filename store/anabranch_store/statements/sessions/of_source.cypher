// The sessions that were imported from what a tool calls $source, as their attributes say it; one row a
// session: id.
MATCH (s:Session {namespace: $namespace})
WHERE s.attributes CONTAINS $source
RETURN s.id AS id
ORDER BY s.opened
