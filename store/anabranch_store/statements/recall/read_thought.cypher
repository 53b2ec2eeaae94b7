// Return the sessions of the thought that the session belongs to, as of $until; none when the
// session did not exist then.
MATCH (s:Session {namespace: $namespace, id: $session_id})
WHERE coalesce(s.opened, 0) <= $until
MATCH (t:Session {namespace: $namespace, root_id: coalesce(s.root_id, s.id)})
WHERE coalesce(t.opened, 0) <= $until
RETURN t.id AS session_id
