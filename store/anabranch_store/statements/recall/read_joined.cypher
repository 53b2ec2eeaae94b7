// Return the branches of the sessions in $windows that were joined up to the parent's position, with
// the position of the last consolidation that took each in.
UNWIND $windows AS window
MATCH (:Session {namespace: $namespace, id: window.session_id})<-[:BRANCHED_FROM]-(s:Session)
MATCH (s)<-[:CONSOLIDATES]-(c:Consolidation)
WHERE c.recorded <= window.until
RETURN s.id AS session_id, max(c.recorded) AS until
