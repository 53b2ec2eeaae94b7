// Sessions of a namespace whose ids end with $ending: id, and what each is to think about.
MATCH (s:Session {namespace: $namespace})
WHERE s.id ENDS WITH $ending AND s.opened IS NOT NULL
RETURN s.id AS id, s.task AS said
ORDER BY id
LIMIT $limit
