// Return in one row how many insights the vector index gave for $vector, and which of them are
// eligible, best first: id, score. $windows null is the whole namespace.
CALL db.index.vector.queryNodes('insight_embedding', $limit, $vector) YIELD node AS i, score
WITH i, score, (i.namespace = $namespace AND i.recorded <= $until AND i.forgotten IS NULL
  AND i.embedding_model = $model
  AND @recall/eligible
  AND ($windows IS NULL OR i.recorded <= $windows[i.session_id])) AS eligible
RETURN count(i) AS found,
  collect(CASE WHEN eligible THEN [i.id, score] END) AS insights
