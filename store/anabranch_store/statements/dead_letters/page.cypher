// Dead letters of a namespace after $beyond in position order, $limit at most, and those that were
// discarded only where $discarded; a row a letter.
MATCH (d:DeadLetter {namespace: $namespace})
WHERE d.position > $beyond AND ($discarded OR d.discarded_at IS NULL)
RETURN @dead_letters/columns
ORDER BY position
LIMIT $limit
