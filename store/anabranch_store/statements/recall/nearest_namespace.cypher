// Return in one row the $limit eligible insights of the namespace that are most similar to $vector,
// compared one by one: ids.
MATCH (i:Insight {namespace: $namespace})
WHERE i.recorded <= $until AND i.forgotten IS NULL AND i.embedding_model = $model
  AND @recall/eligible
WITH i, vector.similarity.cosine(i.embedding, $vector) AS similarity
ORDER BY similarity DESC, i.recorded, i.id LIMIT $limit
RETURN collect(i.id) AS insights
