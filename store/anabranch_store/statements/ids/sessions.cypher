// Sessions of a namespace whose ids begin or end with $part: id, and what each is to think about.
MATCH (s:Session {namespace: $namespace})
WHERE (s.id STARTS WITH $part OR s.id ENDS WITH $part) AND s.opened IS NOT NULL
RETURN s.id AS id, s.task AS said
ORDER BY id
LIMIT $limit
