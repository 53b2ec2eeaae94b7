// Return in one row the eligible insights of the sessions in $windows, each up to its position, at
// most $limit of them: id, session, text, position, its day, entities, and the similarity to
// $vector, null where there is none.
UNWIND $windows AS window
MATCH (:Session {namespace: $namespace, id: window.session_id})-[:PRODUCED]->(i:Insight)
WHERE i.recorded <= window.until AND i.forgotten IS NULL
  AND ($include_retired OR $ended[i.id] IS NULL)
  AND ($kinds IS NULL OR i.kind IN $kinds) AND NOT i.kind IN $kinds_left_out
  AND i.confidence >= $confidence_min AND all(tag IN $tags WHERE tag IN i.tags)
  AND ($agent IS NULL OR $agent =
    coalesce(i.agent, head([(i)<-[:PRODUCED]-(s:Session) | s.agent])))
  AND ($role IS NULL OR size([(i)<-[:PRODUCED]-(s:Session) WHERE s.role = $role | s.id]) > 0)
  AND ($recorded_since IS NULL OR i.recorded_at >= datetime($recorded_since))
  AND ($recorded_until IS NULL OR i.recorded_at <= datetime($recorded_until))
  AND ($valid_at IS NULL OR i.valid_from IS NULL OR i.valid_from <= datetime($valid_at))
  AND ($valid_at IS NULL OR i.valid_until IS NULL OR i.valid_until > datetime($valid_at)
    OR (i.retired IS NOT NULL AND $ended[i.id] IS NULL))
WITH i LIMIT $limit
RETURN collect([i.id, i.session_id, left(i.text, $characters), i.recorded,
  toString(coalesce(i.valid_from, i.recorded_at)), i.entities,
  CASE WHEN $vector IS NOT NULL AND i.embedding_model = $model
    THEN vector.similarity.cosine(i.embedding, $vector) END]) AS insights
