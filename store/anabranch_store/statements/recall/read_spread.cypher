// Return the associations from each insight in $ids to eligible insights, as of $until, at most
// $limit an insight, the strongest when last cited; one row an insight: its id, and of each the
// other end, kind, position, weight and since when it decays.
UNWIND $ids AS id
MATCH (a:Insight {namespace: $namespace, id: id})-[r:ASSOCIATED_WITH]-(i:Insight)
WHERE r.recorded <= $until AND (r.retired IS NULL OR r.retired > $until)
  AND i.namespace = $namespace AND i.recorded <= $until AND i.forgotten IS NULL
  AND @recall/eligible
  AND ($windows IS NULL OR i.recorded <= $windows[i.session_id])
WITH a, i, r, @insights/steps AS steps
WITH a.id AS one, i.id AS other, r.kind AS kind, r.recorded AS position,
  @insights/weight AS weight, @insights/since AS since
ORDER BY one, weight DESC, position, other, kind
WITH one, collect([other, kind, position, weight, since]) AS links
RETURN one, links[0..$limit] AS links
