// The sessions of a namespace that were opened from $since on and before $before, in one row: a list
// of a few fields of each, in no order, its task cut to $characters.
MATCH (s:Session {namespace: $namespace})
WHERE s.opened >= $since AND s.opened < $before
RETURN collect([s.id, s.parent_id, left(s.task, $characters), s.role, s.agent, s.status,
  s.forked_at, s.opened, toString(s.opened_at), s.ended, s.updated]) AS sessions
