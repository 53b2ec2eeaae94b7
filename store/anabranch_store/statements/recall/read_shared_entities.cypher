// Return the entities that the insights in $ids mention and that 2 to $shared_by_max eligible
// insights share, as of $until: name, ids of those insights.
UNWIND $ids AS id
MATCH (:Insight {namespace: $namespace, id: id})-[m:MENTIONS]->(e:Entity)
WHERE m.recorded <= $until
WITH DISTINCT e
WITH e, [(e)<-[n:MENTIONS]-(i:Insight) WHERE n.recorded <= $until
  AND i.recorded <= $until AND i.forgotten IS NULL
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
  AND ($windows IS NULL OR i.recorded <= $windows[i.session_id]) | i.id] AS sharing
WHERE size(sharing) >= 2 AND size(sharing) <= $shared_by_max
RETURN e.name AS name, sharing
