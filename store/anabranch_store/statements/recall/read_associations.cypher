// Return the associations between the insights in $ids and any eligible insight, as of $until: both
// ends, kind, position, weight and since when it decays. A weight that was changed after $until is
// the one it was formed with.
UNWIND $ids AS id
MATCH (a:Insight {namespace: $namespace, id: id})-[r:ASSOCIATED_WITH]-(i:Insight)
WHERE r.recorded <= $until AND (r.retired IS NULL OR r.retired > $until)
  AND i.namespace = $namespace AND i.recorded <= $until AND i.forgotten IS NULL
  AND ($include_retired OR CASE WHEN $ended IS NULL
    THEN i.retired IS NULL OR i.retired > $until ELSE $ended[i.id] IS NULL END)
  AND ($kinds IS NULL OR i.kind IN $kinds) AND NOT i.kind IN $kinds_left_out
  AND i.confidence >= $confidence_min AND all(tag IN $tags WHERE tag IN i.tags)
  AND ($agent IS NULL OR $agent =
    coalesce(i.agent, head([(i)<-[:PRODUCED]-(s:Session) | s.agent])))
  AND ($role IS NULL OR size([(i)<-[:PRODUCED]-(s:Session) WHERE s.role = $role | s.id]) > 0)
  AND ($recorded_since IS NULL OR i.recorded_at >= datetime($recorded_since))
  AND ($recorded_until IS NULL OR i.recorded_at <= datetime($recorded_until))
  AND ($valid_at IS NULL OR i.valid_from IS NULL OR i.valid_from <= datetime($valid_at))
  AND ($valid_at IS NULL OR i.valid_until IS NULL OR i.valid_until > datetime($valid_at)
    OR CASE WHEN $ended IS NULL THEN i.retired > $until
      ELSE i.retired IS NOT NULL AND $ended[i.id] IS NULL END)
  AND ($windows IS NULL OR i.recorded <= $windows[i.session_id])
WITH a, i, r, coalesce(r.cited, 0) <= $until AS known
WITH a, i, r, CASE WHEN known THEN r.weight ELSE r.formed_weight END AS weight,
  CASE WHEN known THEN coalesce(r.last_cited, r.recorded_at) ELSE r.recorded_at END AS since
RETURN a.id AS one, i.id AS other, r.kind AS kind, r.recorded AS position, weight,
  toString(since) AS since
ORDER BY weight DESC, position, one, other LIMIT $limit
