// Return in one row the eligible insights of the namespace that have a vector of $model, at most
// $limit of them: id, similarity to $vector.
MATCH (i:Insight {namespace: $namespace})
WHERE i.recorded <= $until AND i.forgotten IS NULL AND i.embedding_model = $model
  AND ($include_retired OR i.retired IS NULL OR i.retired > $until)
WITH i LIMIT $limit
RETURN collect([i.id, vector.similarity.cosine(i.embedding, $vector)]) AS insights
