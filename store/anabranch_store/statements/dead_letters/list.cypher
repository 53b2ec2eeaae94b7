// Dead letters of a namespace in position order, those in $positions where that is not null, and
// those that were discarded only where $discarded; a row a letter.
MATCH (d:DeadLetter {namespace: $namespace})
WHERE ($positions IS NULL OR d.position IN $positions) AND ($discarded OR d.discarded_at IS NULL)
RETURN @dead_letters/columns
ORDER BY position
