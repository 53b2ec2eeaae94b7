// Sessions of a namespace that were opened from position $from to before $before, the newest first;
// one row a session. $status null: of any status.
// $left_out null: of any task, else without the open root sessions of this task.
// The page is chosen by positions alone: the other columns are read for its sessions only.
// The embedded graph takes the index on s.opened where nothing else stands beside it.
MATCH (s:Session)
WHERE s.opened >= $from AND s.opened < $before
WITH s
WHERE s.namespace = $namespace
  AND ($status IS NULL OR s.status = $status)
  AND ($left_out IS NULL OR NOT (s.task = $left_out AND s.depth = 0 AND s.status = 'open'))
WITH s, s.opened AS newest
ORDER BY newest DESC, s.id
LIMIT $limit
RETURN @sessions/shown
ORDER BY opened DESC, session_id
