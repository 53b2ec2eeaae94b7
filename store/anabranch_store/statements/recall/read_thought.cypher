// Return the sessions of the thought that the session belongs to, as of $until; none when the
// session had not begun then, or never did.
MATCH (s:Session {namespace: $namespace, id: $session_id})
WHERE s.opened <= $until
MATCH (t:Session {namespace: $namespace, root_id: s.root_id})
WHERE t.opened <= $until
RETURN t.id AS session_id
