// The position at which the last session of a namespace was opened before $before; null for none.
MATCH (s:Session {namespace: $namespace})
WHERE s.opened < $before
RETURN max(s.opened) AS opened
