// Return the ends of insights that the sessions in $windows brought about, each session up to its
// position, in log order: id of the insight, id of the one in whose favour, position, and whether
// it was forgotten there.
UNWIND $windows AS window
MATCH (:Session {namespace: $namespace, id: window.session_id})-[r:RETIRED]->(i:Insight)
WHERE r.recorded <= window.until
RETURN i.id AS id, r.by AS by, r.recorded AS position,
  coalesce(r.recorded = i.forgotten, false) AS forgotten
ORDER BY position
