// Return the associations between the insights in $ids and any eligible insight, as of $until: both
// ends, kind, position, weight and since when it decays.
UNWIND $ids AS id
MATCH (a:Insight {namespace: $namespace, id: id})-[r:ASSOCIATED_WITH]-(i:Insight)
WHERE r.recorded <= $until AND (r.retired IS NULL OR r.retired > $until)
  AND i.namespace = $namespace AND i.recorded <= $until AND i.forgotten IS NULL
  AND @recall/eligible
  AND ($windows IS NULL OR i.recorded <= $windows[i.session_id])
WITH a, i, r, @insights/steps AS steps
RETURN a.id AS one, i.id AS other, r.kind AS kind, r.recorded AS position,
  @insights/weight AS weight, @insights/since AS since
ORDER BY weight DESC, position, one, other LIMIT $limit
