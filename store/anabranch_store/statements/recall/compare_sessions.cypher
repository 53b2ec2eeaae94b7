// Return in one row the eligible insights of the sessions in $windows that have a vector of $model,
// at most $limit of them: id, similarity to $vector.
UNWIND $windows AS window
MATCH (:Session {namespace: $namespace, id: window.session_id})-[:PRODUCED]->(i:Insight)
WHERE i.recorded <= window.until AND i.forgotten IS NULL AND i.embedding_model = $model
  AND ($include_retired OR i.retired IS NULL OR i.retired > $until)
WITH i LIMIT $limit
RETURN collect([i.id, vector.similarity.cosine(i.embedding, $vector)]) AS insights
