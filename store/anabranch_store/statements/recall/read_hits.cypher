// Return what a hit shows of each insight in $ids: id, session, whole text, subject, kind, tags,
// confidence, agent, times in the world, position, time of recording, and the position it ended
// at, if that is up to $until. $ended null is the namespace.
UNWIND $ids AS id
MATCH (i:Insight {namespace: $namespace, id: id})
WHERE i.recorded <= $until AND i.forgotten IS NULL
RETURN i.id AS insight_id, i.session_id AS session_id, i.text AS text, i.subject AS subject,
  i.kind AS kind,
  coalesce(i.tags, []) AS tags, i.confidence AS confidence,
  coalesce(i.agent, head([(i)<-[:PRODUCED]-(s:Session) | s.agent])) AS agent,
  i.valid_from AS valid_from,
  CASE WHEN CASE WHEN $ended IS NULL THEN i.retired > $until
    ELSE i.retired IS NOT NULL AND $ended[i.id] IS NULL END
    THEN null ELSE i.valid_until END AS valid_until,
  i.recorded AS position, i.recorded_at AS recorded_at,
  CASE WHEN $ended IS NOT NULL THEN $ended[i.id] ELSE @insights/ended END AS retired
