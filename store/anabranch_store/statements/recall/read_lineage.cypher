// Return the session and each of its ancestors, with the positions of the forks between them; none
// when the session did not exist at $until.
MATCH (s:Session {namespace: $namespace, id: $session_id})
WHERE coalesce(s.opened, 0) <= $until
MATCH way = (s)-[:BRANCHED_FROM*0..]->(a:Session)
RETURN a.id AS session_id, [fork IN relationships(way) | fork.forked_at] AS forks
