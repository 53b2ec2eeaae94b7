// Return in one row the insights in $ids: id, session, text, subject, position, its day, entities,
// and the similarity to $vector, null where there is none.
UNWIND $ids AS id
MATCH (i:Insight {namespace: $namespace, id: id})
WHERE i.recorded <= $until AND i.forgotten IS NULL
RETURN collect([i.id, i.session_id, left(i.text, $characters), i.subject, i.recorded,
  toString(coalesce(i.valid_from, i.recorded_at)), i.entities,
  CASE WHEN $vector IS NOT NULL AND i.embedding_model = $model
    THEN vector.similarity.cosine(i.embedding, $vector) END]) AS insights
