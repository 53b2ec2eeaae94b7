// Return in one row the $limit eligible insights of the sessions in $windows that are most similar
// to $vector, compared one by one: ids.
UNWIND $windows AS window
MATCH (:Session {namespace: $namespace, id: window.session_id})-[:PRODUCED]->(i:Insight)
WHERE i.recorded <= window.until AND i.forgotten IS NULL AND i.embedding_model = $model
  AND @recall/eligible
WITH i, vector.similarity.cosine(i.embedding, $vector) AS similarity
ORDER BY similarity DESC, i.recorded, i.id LIMIT $limit
RETURN collect(i.id) AS insights
