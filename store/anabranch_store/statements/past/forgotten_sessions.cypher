// Every session that was forgotten, of all namespaces; one row a session: namespace, id.
MATCH (s:Session)
WHERE s.forgotten IS NOT NULL AND s.namespace IS NOT NULL AND s.id IS NOT NULL
RETURN s.namespace AS namespace, s.id AS id
