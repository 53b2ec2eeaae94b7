// The insights that hold as of $until and that a synthesis is about: of $session_id, or that name
// $name in lower case, or recorded after $after; null is no bound. The most confident and latest first;
// one row an insight, at most $limit of them.
MATCH (i:Insight {namespace: $namespace})
WHERE i.recorded > $after AND i.recorded <= $until AND i.forgotten IS NULL
  AND @insights/ended IS NULL AND i.kind <> 'derived'
  AND ($session_id IS NULL OR i.session_id = $session_id)
  AND ($name IS NULL OR toLower(i.subject) = $name
    OR any(e IN coalesce(i.entities, []) WHERE toLower(e) = $name))
OPTIONAL MATCH (s:Session {namespace: $namespace, id: i.session_id})
RETURN @insights/details,
  [] AS supersedes, [] AS superseded_by
ORDER BY confidence DESC, position DESC, insight_id LIMIT $limit
