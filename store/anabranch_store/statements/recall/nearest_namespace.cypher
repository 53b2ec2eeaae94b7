// Return in one row the $limit eligible insights of the namespace that are most similar to $vector,
// compared one by one: ids.
MATCH (i:Insight {namespace: $namespace})
WHERE i.recorded <= $until AND i.forgotten IS NULL AND i.embedding_model = $model
  AND ($include_retired OR i.retired IS NULL OR i.retired > $until)
  AND ($kinds IS NULL OR i.kind IN $kinds) AND NOT i.kind IN $kinds_left_out
  AND i.confidence >= $confidence_min AND all(tag IN $tags WHERE tag IN i.tags)
  AND ($agent IS NULL OR $agent =
    coalesce(i.agent, head([(i)<-[:PRODUCED]-(s:Session) | s.agent])))
  AND ($role IS NULL OR size([(i)<-[:PRODUCED]-(s:Session) WHERE s.role = $role | s.id]) > 0)
  AND ($recorded_since IS NULL OR i.recorded_at >= datetime($recorded_since))
  AND ($recorded_until IS NULL OR i.recorded_at <= datetime($recorded_until))
  AND ($valid_at IS NULL OR i.valid_from IS NULL OR i.valid_from <= datetime($valid_at))
  AND ($valid_at IS NULL OR i.valid_until IS NULL OR i.retired > $until
    OR i.valid_until > datetime($valid_at))
WITH i, vector.similarity.cosine(i.embedding, $vector) AS similarity
ORDER BY similarity DESC, i.recorded, i.id LIMIT $limit
RETURN collect(i.id) AS insights
