// Return the session and each of its ancestors, with the positions of the forks between them; none
// when the session had not begun at $until, or never did.
MATCH (s:Session {namespace: $namespace, id: $session_id})
WHERE s.opened <= $until
MATCH way = (s)-[:BRANCHED_FROM*0..]->(a:Session)
RETURN a.id AS session_id, [fork IN relationships(way) | fork.forked_at] AS forks
