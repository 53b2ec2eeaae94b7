// Return in one row the eligible insights of the sessions in $windows, each up to its position, at
// most $limit of them: id, session, text, subject, position, its day, entities, and the similarity
// to $vector, null where there is none.
UNWIND $windows AS window
MATCH (:Session {namespace: $namespace, id: window.session_id})-[:PRODUCED]->(i:Insight)
WHERE i.recorded <= window.until AND i.forgotten IS NULL
  AND @recall/eligible
WITH i LIMIT $limit
RETURN collect([i.id, i.session_id, left(i.text, $characters), i.subject, i.recorded,
  toString(coalesce(i.valid_from, i.recorded_at)), i.entities,
  CASE WHEN $vector IS NOT NULL AND i.embedding_model = $model
    THEN vector.similarity.cosine(i.embedding, $vector) END]) AS insights
