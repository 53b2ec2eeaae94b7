// Return the associations between the insights in $ids and any eligible insight, as of $until: both
// ends, kind, position, weight and since when it decays. A weight that was changed after $until is
// the one it was formed with.
UNWIND $ids AS id
MATCH (a:Insight {namespace: $namespace, id: id})-[r:ASSOCIATED_WITH]-(i:Insight)
WHERE r.recorded <= $until AND (r.retired IS NULL OR r.retired > $until)
  AND i.namespace = $namespace AND i.recorded <= $until AND i.forgotten IS NULL
  AND @recall/eligible
  AND ($windows IS NULL OR i.recorded <= $windows[i.session_id])
WITH a, i, r, coalesce(r.cited, 0) <= $until AS known
WITH a, i, r, CASE WHEN known THEN r.weight ELSE r.formed_weight END AS weight,
  CASE WHEN known THEN coalesce(r.last_cited, r.recorded_at) ELSE r.recorded_at END AS since
RETURN a.id AS one, i.id AS other, r.kind AS kind, r.recorded AS position, weight,
  toString(since) AS since
ORDER BY weight DESC, position, one, other LIMIT $limit
